"""Left-right symmetry from one sensor: does every step look like the last one, or only every second?"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from choreo_service.features.component import Component

GRID_HZ: Final = 50.0  # rate of `push`
WINDOW: Final = 300  # samples, 6 s
EVERY: Final = 25  # samples between two estimates, 0.5 s
UNKNOWN: Final = 0.5
SEARCH: Final = 0.15  # the step's lag is searched this far around the tracked period
REGULAR: Final = 0.2  # autocorrelation after two steps below which there is no rhythm to judge


class StepSymmetry(Component):
    """min(1, Ad1/Ad2), the bounce's unbiased autocorrelation after one and after two steps.

    Over up to 6 s of unbroken movement (Moe-Nilssen & Helbostad 2004; Yang et al., Sensors 2011). About 1 for equal
    steps, 0.9 when they alternate by +-25 %, 0.65 by +-50 %. It judges what one sensor on the body's midline feels; a
    phone in one hand makes it a measure of evenness, not of left and right. Held while the body rests or moves
    without rhythm; `UNKNOWN` before the first estimate.
    """

    STATE = ("value", "ring", "at", "filled", "wait")

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.value = UNKNOWN
        self.ring: NDArray[np.float64] = np.zeros(WINDOW)
        self.at = 0  # where the next sample goes
        self.filled = 0  # samples since the movement began, up to WINDOW
        self.wait = EVERY

    def push(self, bounce: float, moving: bool, step_hz: float) -> None:
        """One band-passed vertical acceleration (m/s^2) on the 50 Hz grid, and the tracked step frequency."""
        if not moving:
            self.filled = 0
            return
        self.ring[self.at] = bounce
        self.at = (self.at + 1) % WINDOW
        if self.filled < WINDOW:
            self.filled += 1
        self.wait -= 1
        if self.wait <= 0:
            self.wait = EVERY
            self._estimate(step_hz)

    def _estimate(self, step_hz: float) -> None:
        step = GRID_HZ / max(step_hz, 0.5)
        if step_hz <= 0.0 or self.filled < 4.0 * step:
            return
        recent = np.concatenate((self.ring[self.at :], self.ring[: self.at]))[WINDOW - self.filled :]
        around = _autocorrelation(recent, int(2.0 * step * (1.0 + SEARCH)) + 2)
        one, two = _best(around, step), _best(around, 2.0 * step)
        if two > REGULAR:
            self.value = min(1.0, max(0.0, one / two))


def _autocorrelation(x: NDArray[np.float64], lags: int) -> NDArray[np.float64]:
    """Unbiased autocorrelation coefficients for lags 0..`lags`; all zero for a constant."""
    x = x - x.mean()
    spread = float(x @ x) / x.size
    if spread < 1e-12:
        return np.zeros(1)
    sums = np.correlate(x, x, mode="full")[x.size - 1 : x.size + lags]
    return sums / (x.size - np.arange(sums.size)) / spread


def _best(coefficients: NDArray[np.float64], lag: float) -> float:
    """The highest coefficient near `lag`."""
    lo, hi = int(lag * (1.0 - SEARCH)), int(lag * (1.0 + SEARCH)) + 2
    return float(coefficients[lo:hi].max(initial=-1.0))
