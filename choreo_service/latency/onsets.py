"""Pulses and what was heard become latencies. Pure numpy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from choreo_service.latency.ears import Heard

QUIET_S: Final = 0.02  # as long as this it must have been quiet before a pulse
_AUDIBLE: Final = 1e-4  # -80 dBFS: what is softer is nobody's sound
_ABOVE_FLOOR: Final = 4.0
_OF_PEAK: Final = 0.05


@dataclass(frozen=True, slots=True)
class Judged:
    """What became of every pulse."""

    latencies_s: NDArray[np.float64]  # of those that were heard
    missed: int  # nothing sounded in the window
    rejected: int  # not to be judged: lost blocks, or not quiet before

    @property
    def pulses(self) -> int:
        return len(self.latencies_s) + self.missed + self.rejected


def judge(heard: Heard, sent_s: Sequence[float], window_s: float) -> Judged:
    """The first sample above the threshold after each pulse, at most `window_s` later.

    A block's nominal time and the moment its data was fetched differ by up to a block, so an onset may lie a block
    before its pulse; without that allowance up to one in ten pulses looks missed.
    """
    before = heard.block_s
    spans = [_span(heard, at - before, at + window_s) for at in sent_s]
    quiets = [_span(heard, at - before - QUIET_S, at - before) for at in sent_s]
    whole = [not _torn(heard, at - before - QUIET_S, at + window_s) for at in sent_s]
    threshold = _threshold([s for s, ok in zip(spans, whole, strict=True) if ok], quiets, heard)
    latencies, missed, rejected = [], 0, 0
    for at, span, quiet, ok in zip(sent_s, spans, quiets, whole, strict=True):
        loud = np.flatnonzero(heard.samples[span] > threshold)
        if not ok or (heard.samples[quiet] > threshold).any():
            rejected += 1
        elif len(loud) == 0:
            missed += 1
        else:
            latencies.append(heard.at_s[span][loud[0]] - at)
    return Judged(np.array(latencies), missed, rejected)


def _threshold(spans: Sequence[slice], quiets: Sequence[slice], heard: Heard) -> float:
    """Well above what is there without a pulse, well below what a pulse brings; infinity where the two are alike."""
    peaks = [heard.samples[span].max(initial=0.0) for span in spans]
    floors = [heard.samples[quiet].max(initial=0.0) for quiet in quiets]
    peak, floor = float(np.median(peaks or [0.0])), float(np.median(floors or [0.0]))
    threshold = max(_ABOVE_FLOOR * floor, _OF_PEAK * peak, _AUDIBLE)
    return threshold if peak > threshold else float("inf")


def _span(heard: Heard, begin_s: float, end_s: float) -> slice:
    begin, end = np.searchsorted(heard.at_s, (begin_s, end_s))
    return slice(int(begin), int(end))


def _torn(heard: Heard, begin_s: float, end_s: float) -> bool:
    inside = (heard.gaps_s > begin_s - heard.block_s) & (heard.gaps_s < end_s + heard.block_s)
    covered = len(heard.at_s) > 0 and heard.at_s[0] <= begin_s and heard.at_s[-1] >= end_s
    return bool(inside.any()) or not covered
