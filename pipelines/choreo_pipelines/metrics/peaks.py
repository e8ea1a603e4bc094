"""Peaks by distance and prominence: the definition of scipy.signal.find_peaks, in numpy."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from choreo_pipelines.metrics.series import Floats, Ints, used_range

PROMINENCE: Final = 0.15  # of p95 - p5
DISTANCE_S: Final = 0.2


def control_peaks(values: Floats, hz: float) -> Ints:
    """Frames of the peaks every metric counts: prominence >= 0.15 (p95 - p5), 0.2 s or more apart."""
    return find_peaks(values, prominence=PROMINENCE * used_range(values), distance=DISTANCE_S * hz)


def find_peaks(values: Floats, *, prominence: float, distance: float) -> Ints:
    """Indices of the local maxima of `values` [n], ascending.

    First lower peaks closer than `distance` frames to a higher kept one go (of equals the earlier stays), then those
    whose `prominence` is smaller than asked. A plateau counts once, at its middle; an edge is never a peak.
    Prominence: height above the higher of the two lowest points between the peak and the next strictly higher value
    (or the end) on either side.
    """
    maxima = _local_maxima(values)
    enough = _prominences(values, maxima) >= prominence
    kept = _apart(maxima, values[maxima], distance)
    return maxima[kept & enough]


def _local_maxima(values: Floats) -> Ints:
    starts = np.flatnonzero(np.diff(values, prepend=np.nan) != 0)  # first index of each flat stretch
    if starts.size < 3:
        return np.zeros(0, np.int64)
    heights = values[starts]
    ends = np.append(starts[1:], len(values)) - 1
    top = np.flatnonzero((heights[1:-1] > heights[:-2]) & (heights[1:-1] > heights[2:])) + 1
    middle: Ints = (starts[top] + ends[top]) // 2
    return middle


def _apart(peaks: Ints, heights: Floats, distance: float) -> NDArray[np.bool_]:
    kept = np.ones(len(peaks), bool)
    for one in np.argsort(-heights, kind="stable"):
        if kept[one]:
            near = slice(*np.searchsorted(peaks, (peaks[one] - distance, peaks[one] + distance), side="right"))
            kept[near] &= np.abs(peaks[near] - peaks[one]) >= distance
            kept[one] = True
    return kept


def _prominences(values: Floats, peaks: Ints) -> Floats:
    """Only peaks and the valleys between them matter, so each is visited once (a stack of higher ones)."""
    if not peaks.size:
        return np.zeros(0)
    heights = values[peaks]
    valleys = np.minimum.reduceat(values, np.append(0, peaks))  # [peaks + 1]: before, between, after
    left = _lowest_before(heights, valleys[:-1])
    right = _lowest_before(heights[::-1], valleys[:0:-1])[::-1]
    return heights - np.maximum(left, right)


def _lowest_before(heights: Floats, valleys: Floats) -> Floats:
    """Lowest valley between each peak and the next strictly higher one before it."""
    lowest = np.empty(len(heights))
    higher: list[int] = []
    for one, height in enumerate(heights):
        base = valleys[one]
        while higher and heights[higher[-1]] <= height:
            base = min(base, lowest[higher.pop()])
        lowest[one] = base
        higher.append(one)
    return lowest
