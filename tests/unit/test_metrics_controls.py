"""The fakes themselves: each is what its name says."""

import numpy as np
import pytest
from metrics_takes import HZ, steady_beat, take

from choreo_pipelines.metrics import beat_position
from choreo_pipelines.metrics.controls import (
    clock_only,
    delayed,
    shuffled,
    smoothed,
    smoothed_noise,
    stretched,
    swapped_body,
)
from choreo_service.packets import FEATURE_COLUMNS


def test_a_swapped_take_keeps_its_beat_and_context_only() -> None:
    rng = np.random.default_rng(0)
    own, other = rng.random((50, 11)), rng.random((20, 11))
    got = swapped_body(own, other)
    kept = [FEATURE_COLUMNS.index(c) for c in ("beat_phase", "beat_idx", "context")]
    taken = [c for c in range(11) if c not in kept]
    assert np.array_equal(got[:, kept], own[:, kept])
    assert np.array_equal(got[:20, taken], other[:, taken])
    assert np.array_equal(got[40:, taken], other[:10, taken])
    assert not np.array_equal(own, got)


@pytest.mark.parametrize("shape", [(50, 10), (0, 11), (11,)])
def test_another_width_cannot_be_swapped(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="expected, got shape"):
        swapped_body(np.zeros((5, 11)), np.zeros(shape))


def test_shuffling_keeps_every_value_and_no_order() -> None:
    track = take().density
    got = shuffled(track, HZ)
    assert np.array_equal(np.sort(got), np.sort(track))
    assert abs(np.corrcoef(got, track)[0, 1]) < 0.3
    assert np.array_equal(got, shuffled(track, HZ))
    assert not np.array_equal(got, shuffled(track, HZ, seed=1))


def test_a_clock_rests_where_there_is_no_beat() -> None:
    phase, index = steady_beat(120)
    phase = phase.copy()
    phase[100:200] = np.nan
    got = clock_only(beat_position(phase, index))
    assert (got[100:200] == 0.5).all()
    assert got[0] == 1.0
    assert got.min() >= 0


def test_delays_hold_the_first_value_and_may_lie_between_frames() -> None:
    track = np.array([1.0, 2.0, 4.0, 8.0])
    assert delayed(track, 1.0, 1.0).tolist() == [1, 1, 2, 4]
    assert delayed(track, 1.0, 0.5).tolist() == [1, 1.5, 3, 6]


def test_smoothing_has_the_gain_and_lag_of_one_pole() -> None:
    step = np.concatenate([np.zeros(1), np.ones(500)])
    assert smoothed(step, HZ, 1.0)[50] == pytest.approx(1 - np.exp(-1), abs=1e-9)


def test_noise_is_seeded_and_inside_the_range() -> None:
    noise = smoothed_noise(5000, HZ, 3)
    assert np.array_equal(noise, smoothed_noise(5000, HZ, 3))
    assert noise.min() >= 0
    assert noise.max() <= 1
    assert noise.std() == pytest.approx(0.15, abs=0.01)


def test_a_fast_clock_runs_ahead_and_then_holds() -> None:
    track = np.arange(1001.0)
    got = stretched(track, 1.001)
    assert got[500] == pytest.approx(500.5)
    assert got[-1] == 1000
