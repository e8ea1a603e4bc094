"""First-order filters that give the same answer at any sample rate."""

from __future__ import annotations

import math

from choreo_service.features.component import Component


class LowPass(Component):
    """tau * dy/dt = x - y, solved exactly for an input that runs straight from sample to sample (first-order hold).

    Holding each sample (the usual EMA) would delay by half a spacing and so depend on the sample rate.
    """

    STATE = ("y", "x", "empty")

    def __init__(self, tau_s: float, *, from_zero: bool = False) -> None:
        """`from_zero` starts at 0, else at the first input."""
        self.tau = tau_s
        self.from_zero = from_zero
        self.reset()

    def reset(self) -> None:
        self.y = 0.0
        self.x = 0.0
        self.empty = True

    def step(self, x: float, dt: float) -> float:
        """Output `dt` > 0 seconds after the step before."""
        if self.empty:
            self.empty, self.x = False, x
            self.y = 0.0 if self.from_zero else x
        q = dt / self.tau
        keep = math.exp(-q)
        ramp = -math.expm1(-q) / q  # weight that slides from the older to the newer end of the line
        self.y = keep * self.y + (ramp - keep) * self.x + (1.0 - ramp) * x
        self.x = x
        return self.y

    def rejoin(self, x: float) -> None:
        """The next input line starts at `x`: what lay in a gap between is not known and not drawn."""
        self.x = x


class BandPass(Component):
    """High-pass at `lo_hz`, then low-pass at `hi_hz`, each first order; starts silent.

    Phase: lead atan(lo/f), lag atan(f/hi); zero at sqrt(lo*hi), 1.55 Hz for 0.6-4 Hz.
    """

    STATE = ("slow", "smooth")

    def __init__(self, lo_hz: float, hi_hz: float) -> None:
        self.slow = LowPass(1.0 / (2.0 * math.pi * lo_hz))
        self.smooth = LowPass(1.0 / (2.0 * math.pi * hi_hz), from_zero=True)

    def reset(self) -> None:
        self.slow.reset()
        self.smooth.reset()

    def step(self, x: float, dt: float) -> float:
        return self.smooth.step(x - self.slow.step(x, dt), dt)
