"""Beat counts, bars and the even grid."""

import numpy as np
import pytest
from metrics_takes import HZ, steady_beat

from choreo_pipelines.metrics import beat_position, index_at, on_grid
from choreo_pipelines.metrics.beat import STILL_FRAMES, bar_means, beats_per_second

PHASE, INDEX = steady_beat(120)


def test_phase_and_index_become_a_count_that_grows() -> None:
    position = beat_position(PHASE, INDEX)
    assert position == pytest.approx(np.arange(len(PHASE)) / HZ * 2)
    assert beats_per_second(position, HZ) == pytest.approx(2.0)


def test_a_take_that_starts_inside_a_bar_keeps_its_bar_lines() -> None:
    position = beat_position(PHASE[60:], INDEX[60:])  # 2.4 beats in
    assert position[0] == pytest.approx(2.4)
    assert np.floor(position) % 4 == pytest.approx(INDEX[60:])


def test_without_an_index_bars_are_any_four_beats() -> None:
    assert beat_position(PHASE[60:])[0] == pytest.approx(0.4)


def test_one_frame_whose_index_lags_does_not_shift_the_bars() -> None:
    late = np.roll(INDEX, 1)
    assert beat_position(PHASE, late) == pytest.approx(beat_position(PHASE, INDEX))


def test_rounding_backwards_is_no_new_beat() -> None:
    jitter = (PHASE + np.where(np.arange(len(PHASE)) % 2, -0.004, 0.004)) % 1.0
    position = beat_position(jitter, INDEX)
    assert np.abs(np.diff(position)).max() < 0.1


@pytest.mark.parametrize("hole", [np.nan, 0.3])
def test_after_a_gap_or_a_stand_still_the_count_goes_on_beyond_the_bar(hole: float) -> None:
    phase = PHASE.copy()
    phase[1000:1400] = hole
    position = beat_position(phase, INDEX)
    assert np.isnan(position[1001:1400]).all()
    assert position[1400] - np.nanmax(position[:1000]) >= 4
    assert np.floor(position[1400:]) % 4 == pytest.approx(INDEX[1400:])


def test_a_short_hold_is_still_a_beat() -> None:
    phase = PHASE.copy()
    phase[1000 : 1000 + STILL_FRAMES - 10] = phase[1000]
    assert np.isfinite(beat_position(phase, INDEX)).all()


def test_a_jump_back_starts_anew() -> None:
    phase = np.concatenate([PHASE[:1010], PHASE[1000:]])
    index = np.concatenate([INDEX[:1010], INDEX[1000:]])
    position = beat_position(phase, index)
    assert position[1010] - position[1009] >= 4
    assert (np.diff(position) > 0).all()


def test_without_any_beat_there_is_no_count() -> None:
    assert beat_position(None).size == 0
    assert np.isnan(beat_position(np.full(100, np.nan))).all()


def test_a_beat_count_is_found_at_its_first_frame() -> None:
    position = beat_position(PHASE, INDEX)
    at = index_at(position, np.array([0.0, 1.0, 1.01, -1.0, 1e6, np.nan]))
    assert at.tolist() == [0, 25, 26, -1, -1, -1]


def test_bars_are_averaged_whole_and_where_both_columns_are_known() -> None:
    position = beat_position(PHASE[50:650], INDEX[50:650])  # bars of 100 frames: half, 5 whole, half
    first = np.floor(position / 4)
    second = np.where(first == 3, np.nan, 2 * first)
    assert bar_means(position, first).tolist() == [[1, 2, 3, 4, 5]]
    assert bar_means(position, first, second).tolist() == [[1, 2, 4, 5], [2, 4, 8, 10]]


def test_skipped_ticks_repeat_the_frame_before_them() -> None:
    slots = np.array([0, 1, 2, 5, 6])
    late = np.array([0, 3, -2, 4, 0]) * 1_000_000
    got = on_grid(7 + slots * 20_000_000 + late, slots.astype(float), HZ)
    assert got.tolist() == [0, 1, 2, 2, 2, 5, 6]
    assert on_grid(slots * 20_000_000, np.stack([slots, -slots], axis=1), HZ)[4].tolist() == [2, -2]
    assert on_grid([], [], HZ).size == 0
