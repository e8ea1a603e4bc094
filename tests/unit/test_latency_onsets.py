"""Onsets from synthetic recordings whose latencies are known, and what can't be judged is said, not guessed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from choreo_service.latency.ears import Block, Heard
from choreo_service.latency.onsets import judge

RATE = 48_000
BLOCK = 256
WINDOW_S = 0.1
SECONDS = 6.0


def recording(
    onsets_s: list[float], *, floor: float = 0.0, level: float = 0.9, lost: set[int] | None = None, xruns: int = 0
) -> Heard:
    """A millisecond of sound at each onset; the blocks `lost` never arrived."""
    samples = np.full(round(SECONDS * RATE), floor, np.float32)
    for onset in onsets_s:
        begin = round(onset * RATE)
        samples[begin : begin + RATE // 1000] = level
    blocks: list[Block] = [(i / RATE, samples[i : i + BLOCK]) for i in range(0, len(samples) - BLOCK, BLOCK)]
    return Heard.of([b for n, b in enumerate(blocks) if n not in (lost or ())], RATE, xruns)


@given(st.lists(st.floats(-0.005, 0.095), min_size=5, max_size=12))
def test_every_latency_is_found_to_the_sample_even_just_before_its_pulse(latencies: list[float]) -> None:
    sent = [0.5 + 0.4 * i for i in range(len(latencies))]
    judged = judge(recording([s + x for s, x in zip(sent, latencies, strict=True)]), sent, WINDOW_S)
    assert judged.latencies_s == pytest.approx(latencies, abs=1.5 / RATE)
    assert (judged.missed, judged.rejected) == (0, 0)


def test_a_pulse_nobody_heard_is_missed() -> None:
    judged = judge(recording([0.51, 1.31]), [0.5, 0.9, 1.3], WINDOW_S)
    assert (len(judged.latencies_s), judged.missed, judged.rejected) == (2, 1, 0)


def test_a_sound_later_than_the_window_is_missed() -> None:
    judged = judge(recording([0.51, 0.91, 1.3 + 1.1 * WINDOW_S]), [0.5, 0.9, 1.3], WINDOW_S)
    assert judged.missed == 1


@pytest.mark.parametrize("floor", [0.0, 0.01, 0.3])
def test_a_muted_receiver_is_all_missed_however_loud_its_hum(floor: float) -> None:
    judged = judge(recording([], floor=floor), [0.5, 0.9, 1.3], WINDOW_S)
    assert (len(judged.latencies_s), judged.missed) == (0, 3)


def test_a_hum_below_the_sound_is_no_onset() -> None:
    judged = judge(recording([0.52, 0.92], floor=0.05), [0.5, 0.9], WINDOW_S)
    assert judged.latencies_s == pytest.approx([0.02, 0.02], abs=1e-4)


def test_a_pulse_whose_recording_lost_a_block_is_rejected_and_its_neighbours_keep_their_times() -> None:
    """Times stand per block: with one reference for all, everything after the loss would be a block early."""
    sent = [0.5, 0.9, 1.3]
    heard = recording([s + 0.03 for s in sent], lost={round(0.92 * RATE / BLOCK)})
    judged = judge(heard, sent, WINDOW_S)
    assert len(heard.gaps_s) == 1
    assert judged.rejected == 1
    assert judged.latencies_s == pytest.approx([0.03, 0.03], abs=1.5 / RATE)


def test_a_pulse_before_which_it_was_not_quiet_is_rejected() -> None:
    judged = judge(recording([0.51, 0.885, 0.91, 1.31]), [0.5, 0.9, 1.3], WINDOW_S)
    assert (len(judged.latencies_s), judged.rejected) == (2, 1)


def test_a_pulse_beyond_the_recording_is_rejected() -> None:
    judged = judge(recording([0.51]), [0.5, SECONDS + 1.0], WINDOW_S)
    assert (len(judged.latencies_s), judged.rejected) == (1, 1)


def test_without_a_recording_there_is_nothing_to_judge() -> None:
    with pytest.raises(ValueError, match="nothing was recorded"):
        Heard.of([], RATE, 0)
