"""Which way is up, and what is left of an acceleration without gravity."""

from __future__ import annotations

import math
from typing import Final, NamedTuple

from choreo_service.features.bands import LowPass
from choreo_service.features.component import Component
from choreo_service.features.vectors import ZERO, Vec3, dot, norm, plus, scaled, turned, unit

STANDARD: Final = 9.80665  # m/s^2
SCALE_RANGE: Final = (9.2, 10.4)  # m/s^2, what a badly calibrated but honest accelerometer reads at rest
PULL_S: Final = 1.5  # s, time constant toward the accelerometer's direction
TRUST: Final = 1.5  # m/s^2, | |a| - g | at which the accelerometer's direction counts exp(-1)
STILL_SD: Final = 0.15  # m/s^2, spread of |a| below which the device rests and shows its own g
SCALE_S: Final = 2.0  # s, time constant of learning that g


class Split(NamedTuple):
    """An acceleration without gravity. `up` is a unit vector in the device's frame, or zero while unknown."""

    linear: Vec3  # m/s^2
    level: Vec3  # m/s^2, its horizontal part
    up: Vec3


class Gravity(Component):
    """Complementary filter: the up direction follows the gyroscope at once and the accelerometer slowly.

    The accelerometer counts with weight exp(-((|a|-g)/1.5)^2): in a hit it shows the hit, not the ground. Without a
    gyroscope the direction lags a tilting device by 10 degrees and tilt would leak into the horizontal, so the linear
    part is then |a| - g along up. The device's own g is learnt while it rests, so that a scale error doesn't read as
    motion.
    """

    STATE = ("up", "age", "scale", "mean", "square")

    def __init__(self) -> None:
        self.mean = LowPass(0.25)
        self.square = LowPass(0.25)
        self.reset()

    def reset(self) -> None:
        self.up: Vec3 = ZERO
        self.age = 0.0  # s of trusted input the direction rests on, up to PULL_S
        self.scale = STANDARD
        self.mean.reset()
        self.square.reset()

    def observe(self, a: Vec3, rotation: Vec3 | None, dt: float) -> None:
        """One accelerometer sample (m/s^2) and the mean rotation rate (rad/s) since the one before, if known."""
        magnitude = norm(a)
        self._learn_scale(magnitude, dt)
        if rotation is not None:
            self.up = turned(self.up, rotation, dt)
        trust = math.exp(-(((magnitude - self.scale) / TRUST) ** 2))
        age = self.age + trust * dt
        self.age = age = age if age < PULL_S else PULL_S
        if trust > 1e-6:
            # growing memory until PULL_S have been seen: the first guess may have been a movement
            gain = trust * dt / (age if age >= dt else dt)
            self.up = unit(plus(scaled(self.up, 1.0 - gain), unit(a), gain), fallback=self.up)

    def split(self, a: Vec3) -> Split:
        """By the direction alone; needs a gyroscope to be true for a tilting device."""
        return level_split(plus(a, self.up, -self.scale), self.up) if self.up != ZERO else Split(ZERO, ZERO, ZERO)

    def split_by_length(self, a: Vec3) -> Split:
        """Without a gyroscope: |a| - g upward; `level` carries the tilt with it."""
        if self.up == ZERO:
            return Split(ZERO, ZERO, ZERO)
        level = plus(a, self.up, -dot(a, self.up))
        return Split(scaled(self.up, norm(a) - self.scale), level, self.up)

    def _learn_scale(self, magnitude: float, dt: float) -> None:
        mean = self.mean.step(magnitude, dt)
        spread = self.square.step(magnitude * magnitude, dt) - mean * mean
        if spread < STILL_SD**2 and SCALE_RANGE[0] < mean < SCALE_RANGE[1]:
            self.scale += min(1.0, dt / SCALE_S) * (mean - self.scale)


def level_split(linear: Vec3, up: Vec3) -> Split:
    """A linear acceleration whose up direction is known."""
    return Split(linear, plus(linear, up, -dot(linear, up)), up)
