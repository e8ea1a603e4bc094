"""Rate and slope of a heart seen beat by beat: a constant-velocity Kalman filter."""

from __future__ import annotations

from typing import Final

from choreo_service.features.component import Component
from choreo_service.features.heart_slope import JUMP

ACCELERATION: Final = 0.3  # q in bpm^2/s^3: spectral density of the white noise that moves the slope
BEAT_NOISE: Final = 9.0  # R in bpm^2: breathing and jitter move one interval by about 3 bpm
SLOPE_SPREAD: Final = 1.0  # variance of the slope at the start, (bpm/s)^2; about what the filter settles at
FORGET_S: Final = 5.0  # silence after which the slope from before says nothing


class RateKalman(Component):
    """`rate` (bpm) and `slope` (bpm/s) at the last beat.

    State (rate, slope), transition [[1, dt], [0, 1]], noise q * [[dt^3/3, dt^2/2], [dt^2/2, dt]], measurement 60/RR
    with variance R (Bar-Shalom, Li, Kirubarajan 2001, 6.2.2). With q = 0.3 the slope is about 3.5 s behind the heart
    for every time constant of 3-30 s: a larger q follows sooner, and takes breathing for a trend.
    """

    STATE = ("rate", "slope", "rate_var", "cross_var", "slope_var")

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.restart(0.0)

    def restart(self, bpm: float) -> None:
        """Believe this rate as far as one beat, and nothing from before."""
        self.rate, self.slope = bpm, 0.0
        self.rate_var, self.cross_var, self.slope_var = BEAT_NOISE, 0.0, SLOPE_SPREAD

    def loses(self, since_s: float, interval: float) -> bool:
        """Whether this interval continues nothing: the first, the first after a silence, or a jump away."""
        ahead = self.rate + since_s * self.slope
        return self.rate == 0.0 or since_s > FORGET_S or abs(60.0 / interval - ahead) > JUMP

    def step(self, since_s: float, interval: float, typical: float) -> None:
        """One interval (s) that ended `since_s` after the last; `typical` (s) is where to start anew after a jump."""
        if self.loses(since_s, interval):
            self.restart(60.0 / typical)
            return
        self._predict(since_s)
        error = 60.0 / interval - self.rate
        spread = self.rate_var + BEAT_NOISE
        gain, slope_gain = self.rate_var / spread, self.cross_var / spread
        self.rate += gain * error
        self.slope += slope_gain * error
        self.slope_var -= slope_gain * self.cross_var
        self.cross_var *= 1.0 - gain
        self.rate_var *= 1.0 - gain

    def _predict(self, dt: float) -> None:
        self.rate += dt * self.slope
        self.rate_var += dt * (2.0 * self.cross_var + dt * self.slope_var) + ACCELERATION * dt**3 / 3.0
        self.cross_var += dt * self.slope_var + ACCELERATION * dt**2 / 2.0
        self.slope_var += ACCELERATION * dt
