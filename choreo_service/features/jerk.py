"""Jerk: the derivative at the newest sample of a parabola through the last samples."""

from __future__ import annotations

import math
from collections import deque
from functools import cache
from operator import mul
from typing import Final

import numpy as np

from choreo_service.features.component import Component
from choreo_service.features.vectors import Vec3

SPAN_S: Final = 8 / 60  # nine samples at 60 Hz: 33 ms of delay, 31 times the noise of a still phone at a hit
WIDEST: Final = 24  # samples; the fastest that Cadence lets through, 150 Hz, need 21


class Jerk(Component):
    """|d a_lin / dt| by one-sided Savitzky-Golay, order 2, over a fixed span, by default 133 ms.

    The default is w = 9 at 60 Hz, 14 at 100 Hz, 5 at 32 Hz, never below 3. A fixed number of samples would make jerk
    depend on the device's rate: at 400 Hz it would measure noise, at 32 Hz blur a whole hit.
    """

    STATE = ("xs", "ys", "zs")

    def __init__(self, span_s: float | None = None) -> None:
        self._span_s = SPAN_S if span_s is None else span_s
        self.reset()

    def reset(self) -> None:
        self.xs: deque[float] = deque(maxlen=WIDEST)
        self.ys: deque[float] = deque(maxlen=WIDEST)
        self.zs: deque[float] = deque(maxlen=WIDEST)

    def step(self, v: Vec3, period: float) -> float:
        """m/s^3 after the sample `v` (m/s^2), `period` s after the one before; 0 until the window is full."""
        self.xs.appendleft(v[0])
        self.ys.appendleft(v[1])
        self.zs.appendleft(v[2])
        weights = end_slope_weights(min(WIDEST, max(3, round(self._span_s / period) + 1)))
        if len(self.xs) < len(weights):
            return 0.0
        x, y, z = sum(map(mul, weights, self.xs)), sum(map(mul, weights, self.ys)), sum(map(mul, weights, self.zs))
        return math.sqrt(x * x + y * y + z * z) / period


@cache
def end_slope_weights(width: int) -> tuple[float, ...]:
    """Weights for the last `width` evenly spaced samples, newest first; the weighted sum is the slope per spacing."""
    n = -np.arange(width, dtype=np.float64)
    fit = np.linalg.pinv(np.stack((np.ones(width), n, n * n), axis=1))
    return tuple(float(w) for w in fit[1])
