"""Beat alignment score, in both directions and beside its chance value. For comparison with others, never a gate."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from choreo_pipelines.metrics.beat import beats_per_second
from choreo_pipelines.metrics.peaks import control_peaks
from choreo_pipelines.metrics.result import Outcome, Result, Verdict, failed, not_computable
from choreo_pipelines.metrics.series import (
    MIN_RANGE,
    Floats,
    same_length,
    series,
    used_range,
    why_sensor_unusable,
    why_sent_unusable,
)

SIGMA_S: Final = 0.05


@dataclass(frozen=True, slots=True)
class BeatAlignment(Result):
    """Mean of exp(-d^2 / (2 sigma^2)), sigma = 50 ms, d = distance to the nearest of the other kind.

    Published codes average over motion beats (Li et al. 2021: precision here) or over music beats (Siyao et al. 2022:
    recall here). Recall grows with the number of peaks, hence the chance values.
    """

    verdict: Verdict  # pass only says that it could be computed
    precision: float | None = None  # over the control's peaks
    recall: float | None = None  # over the beats
    f1: float | None = None
    precision_chance: float | None = None  # a peak anywhere in the beat
    recall_chance: float | None = None  # as many peaks, anywhere
    n_peaks: int = 0
    n_beats: int = 0


def beat_alignment(control: ArrayLike | None, position: Floats, hz: float, *, name: str = "density") -> BeatAlignment:
    """Alignment of the control's peaks [n] with the beats of `beat_position` [n]. ValueError when lengths differ."""
    sent = series(control)
    same_length(sent, position)
    if reason := why_sent_unusable(name, sent) or why_sensor_unusable("running beat", position):
        return BeatAlignment(not_computable(reason))
    peaks = control_peaks(sent, hz) / hz
    beats = _beat_times(position, hz)
    if used_range(sent) < MIN_RANGE or not peaks.size or not beats.size:
        return BeatAlignment(failed(f"{name} has no peaks"), n_peaks=0, n_beats=len(beats))
    precision, recall = _closeness(peaks, beats), _closeness(beats, peaks)
    return BeatAlignment(
        Verdict(Outcome.PASS),
        precision,
        recall,
        2 * precision * recall / (precision + recall) if precision + recall else 0.0,
        precision_chance=chance_precision(1 / beats_per_second(position, hz)),
        recall_chance=chance_recall(len(peaks) / (len(sent) / hz)),
        n_peaks=len(peaks),
        n_beats=len(beats),
    )


def chance_precision(beat_s: float) -> float:
    """Expected score of one peak placed uniformly in a beat of `beat_s`: the Gaussian's mean over half a beat."""
    return SIGMA_S * math.sqrt(2 * math.pi) / beat_s * math.erf(beat_s / (2 * math.sqrt(2) * SIGMA_S))


def chance_recall(peaks_per_s: float) -> float:
    """Expected score of a beat among Poisson peaks, whose nearest has P(distance > x) = exp(-2 rate x)."""
    reach = peaks_per_s * SIGMA_S
    return 2 * reach * math.sqrt(math.pi / 2) * math.exp(2 * reach**2) * math.erfc(math.sqrt(2) * reach)


def _beat_times(position: Floats, hz: float) -> Floats:
    """Seconds at which a whole beat is reached, between frames by linear interpolation."""
    before, after = position[:-1], position[1:]
    crossed = np.flatnonzero((np.floor(after) == np.floor(before) + 1) & (after - before < 0.5))
    part = (np.floor(after[crossed]) - before[crossed]) / (after[crossed] - before[crossed])
    times: Floats = (crossed + part) / hz
    return times


def _closeness(these: Floats, others: Floats) -> float:
    right = np.searchsorted(others, these)
    beside = np.stack([np.clip(right - 1, 0, None), np.clip(right, None, len(others) - 1)])
    distance = np.abs(others[beside] - these).min(axis=0)
    return float(np.exp(-(distance**2) / (2 * SIGMA_S**2)).mean())
