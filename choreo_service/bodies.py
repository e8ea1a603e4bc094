"""What is known of a performer before the first tick: a soundcheck that was kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

MOVING: Final = 0.25  # m/s^2 of motion_energy: who stands still teaches nothing about how they move
CROSS_FADE_S: Final = 4.0  # from one performer's statistics to the ones learnt anew: nobody hears where it began

Vec3 = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Range:
    """How one frame feature of a performer spreads while they move, in the feature's unit."""

    mean: float
    sd: float


@dataclass(frozen=True, slots=True)
class Mounting:
    """The device on the body; vectors are unit vectors in the device's frame."""

    gravity: float | None = None  # m/s^2, what it reads at rest; None without an accelerometer
    up: Vec3 | None = None
    sway_axis: Vec3 | None = None  # gives hip_sway its sign; None while nothing has moved


@dataclass(frozen=True, slots=True)
class Body:
    """One performer with one sensor, as a calibration found them."""

    name: str
    gate: float  # m/s^2 of motion_energy below which this performer stands still
    ranges: Mapping[str, Range]  # by FEATURE_COLUMNS; a column that is not in it is unknown
    frames: float  # at 50 Hz, what the ranges rest on
    mounting: Mounting = Mounting()


@dataclass(frozen=True, slots=True)
class Soundcheck:
    """Where the statistics of all performers begin, and whether they end with the soundcheck.

    A calibrated body counts as a soundcheck that is over.
    """

    bodies: tuple[Body | None, ...] = ()  # by performer; None, and whoever is beyond the end, is unknown
    freezes: bool = False  # else learning goes on slowly for the whole show

    def body(self, performer: int) -> Body | None:
        return self.bodies[performer] if performer < len(self.bodies) else None

    def gate(self, performer: int) -> float:
        """m/s^2 of motion_energy below which the performer stands still."""
        body = self.body(performer)
        return MOVING if body is None else body.gate


UNKNOWN: Final = Soundcheck()
