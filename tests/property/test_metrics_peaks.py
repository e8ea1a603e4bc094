"""The peak finder against its definition, spelled out."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from choreo_pipelines.metrics.peaks import find_peaks

# Few distinct heights, so that plateaus and ties are common.
signals = st.lists(st.integers(0, 6), max_size=40).map(lambda v: np.array(v, np.float64))


def maxima(x: np.ndarray) -> list[int]:
    """Middles of flat stretches with lower values on both sides."""
    found, start = [], 0
    for end in range(1, len(x) + 1):
        if end == len(x) or x[end] != x[start]:
            if start > 0 and end < len(x) and x[start - 1] < x[start] > x[end]:
                found.append((start + end - 1) // 2)
            start = end
    return found


def prominence(x: np.ndarray, peak: int) -> float:
    """Walk down on either side until something higher, or the end."""
    left = right = peak
    while left > 0 and x[left - 1] <= x[peak]:
        left -= 1
    while right < len(x) - 1 and x[right + 1] <= x[peak]:
        right += 1
    return float(x[peak] - max(x[left : peak + 1].min(), x[peak : right + 1].min()))


def by_definition(x: np.ndarray, least: float, distance: float) -> list[int]:
    kept: list[int] = []
    for peak in sorted(maxima(x), key=lambda p: (-x[p], p)):
        if all(abs(peak - other) >= distance for other in kept):
            kept.append(peak)
    return sorted(p for p in kept if prominence(x, p) >= least)


@given(signals, st.integers(0, 6), st.sampled_from([0.0, 1.0, 2.0, 2.5, 3.0, 7.0]))
@settings(max_examples=500)
def test_peaks_are_those_of_the_definition(x: np.ndarray, least: int, distance: float) -> None:
    assert find_peaks(x, prominence=float(least), distance=distance).tolist() == by_definition(x, least, distance)


def test_a_worked_example() -> None:
    x = np.array([0, 3, 1, 2, 0, 0, 5, 5, 5, 4, 6, 1], float)
    assert find_peaks(x, prominence=0.0, distance=0.0).tolist() == [1, 3, 7, 10]
    assert find_peaks(x, prominence=2.0, distance=0.0).tolist() == [1, 10]
    assert find_peaks(x, prominence=0.0, distance=4.0).tolist() == [1, 10]
    assert find_peaks(x, prominence=0.0, distance=10.0).tolist() == [10]
