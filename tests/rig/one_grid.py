"""Sound and what caused it on one grid of time: the machine's clock stamped both."""

from __future__ import annotations

import numpy as np

from rig.analysis import Series
from rig.recorder import Recording


def window_times(recording: Recording, window_s: float) -> Series:
    """CLOCK_MONOTONIC in s at the middle of the recording's consecutive windows, as `analysis` cuts them."""
    count = len(recording.samples) // round(window_s * recording.rate)
    middles = (np.arange(count) + 0.5) * window_s * recording.rate
    return recording.at_s(np.asarray(middles, dtype=np.float64))


def latest(series: Series, at_s: Series) -> Series:
    """The newest value at each time: series [n, 2] of time in s and value, at_s [m] -> [m]; the first one before it."""
    index = np.clip(np.searchsorted(series[:, 0], at_s) - 1, 0, None)
    return np.asarray(series[index, 1], dtype=np.float64)
