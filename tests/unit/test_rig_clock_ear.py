"""The beats of another program's clock are found whatever it or the audio server loses on the way."""

from __future__ import annotations

import numpy as np
import pytest
from rig.clock_ear import PER_BEAT, beats_of, bpm_of, missing

PERIOD_S = 60.0 / 120.0 / PER_BEAT


@pytest.mark.parametrize(
    ("lost", "even"),
    [((), True), ((100,), True), ((300, 301, 302), True), ((), False), ((24, 48), False), ((300, 301, 302), False)],
)
def test_lost_ticks_move_no_beat(lost: tuple[int, ...], even: bool) -> None:
    ticks = 5.0 + np.arange(20 * PER_BEAT + 1) * PERIOD_S
    np.testing.assert_allclose(beats_of(np.delete(ticks, lost), even=even), ticks[::PER_BEAT], atol=1e-9)


@pytest.mark.parametrize("seed", range(20))
def test_a_clock_that_is_uneven_late_and_full_of_holes_keeps_its_beats(seed: int) -> None:
    rng = np.random.default_rng(seed)
    right = 5.0 + np.arange(40 * PER_BEAT + 1) * PERIOD_S
    ticks = right + rng.uniform(-0.3, 0.3, len(right)) * PERIOD_S
    ticks[rng.integers(PER_BEAT, len(ticks) - PER_BEAT, 3)] += 0.8 * PERIOD_S
    ticks = np.delete(np.sort(ticks), rng.integers(1, len(ticks) - PER_BEAT, 8))
    beats = beats_of(ticks, even=False)[:40]
    assert np.abs(beats - right[::PER_BEAT][:40]).max() < 1.3 * PERIOD_S
    counted = ticks[::PER_BEAT][:40]
    assert np.abs(counted[-1] - right[::PER_BEAT][39]) > 4 * PERIOD_S  # who counts them is off by what was lost


@pytest.mark.parametrize("lost", [(), (100,), (3, 4, 5), (450,)])
@pytest.mark.parametrize("stalled", [slice(0, 0), slice(1, 12), slice(470, 481)])
def test_neither_lost_nor_bunched_ticks_change_a_tempo(lost: tuple[int, ...], stalled: slice) -> None:
    ticks = 5.0 + np.arange(20 * PER_BEAT + 1) * PERIOD_S
    ticks[stalled] = ticks[stalled].max(initial=0.0)  # what a machine that stood still delivers at once
    bpm, off = bpm_of(np.delete(ticks, lost))
    assert bpm == pytest.approx(120.0, rel=1e-6)
    assert np.median(np.abs(off)) < 1e-6


def test_a_tempo_that_is_off_by_a_thousandth_is_read_so() -> None:
    bpm, _ = bpm_of(5.0 + np.arange(20 * PER_BEAT + 1) * PERIOD_S / 1.001)
    assert bpm == pytest.approx(120.12, rel=1e-6)


@pytest.mark.parametrize("seed", range(10))
def test_what_comes_at_once_at_the_beginning_is_counted_and_what_is_left_out_later_is_missed(seed: int) -> None:
    rng = np.random.default_rng(seed)
    right = 5.0 + np.arange(40 * PER_BEAT + 1) * PERIOD_S
    ticks = right + rng.uniform(-0.3, 0.3, len(right)) * PERIOD_S
    ticks[:4] = ticks[4] - 0.001  # the player begins with a stall
    assert missing(ticks) == 0
    beats = beats_of(ticks, even=False)
    assert np.abs(beats[1:] - right[PER_BEAT::PER_BEAT]).max() < 0.5 * PERIOD_S
    assert missing(np.delete(ticks, (100, 200, 201))) == 3
