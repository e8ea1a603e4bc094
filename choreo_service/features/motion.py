"""The motion streams of one sensor become the six motion columns."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from choreo_service.bodies import Mounting
from choreo_service.features.beats import BodyBeats
from choreo_service.features.cadence import Cadence, Sample
from choreo_service.features.component import Component
from choreo_service.features.gravity import Gravity, Split, level_split
from choreo_service.features.movement import BAND_HZ, Columns, Movement
from choreo_service.features.vectors import ZERO, Vec3, bounded, clamp, dot, norm, plus, scaled, unit

LIVE_NS: Final = 300_000_000  # silence after which another way to remove gravity is taken
MAX_ACCELERATION: Final = 400.0  # m/s^2 per axis; the widest phone sensors end at 157
MAX_ROTATION: Final = 70.0  # rad/s per axis, 4000 deg/s
GRAVITY_RANGE: Final = (9.3, 10.3)  # m/s^2; a fused gravity vector always has length g, a low-passed one wanders
DISTRUST_NS: Final = 5_000_000_000  # after a gravity vector of another length
LIMITS: Final = ((0.0, 700.0), (0.0, 10.0), (0.0, 1e5), (-700.0, 700.0), (-700.0, 700.0), (0.0, 1.0))

_LOWEST, _HIGHEST = zip(*LIMITS, strict=True)
_NEVER: Final = -(1 << 62)
_NO_DRIVER, _BY_ACCELERATION, _BY_LINEAR = range(3)


class MotionFeatures(Component):
    """motion_energy, motion_freq, jerk, hip_sway, hip_bounce, symmetry (packets.MODALITIES['motion'], units there).

    Gravity is removed by the best means that is live: the device's own linear_acceleration; acceleration minus the
    gravity stream; a gyroscope filter; |a| - g. Each sample is worked through as it arrives, with the spacing
    recovered from the arrival times, which may jitter, repeat or go slightly backwards. Any sample rate from 10 to
    400 Hz gives the same columns up to the bandwidth it can carry. A `motion_features` packet takes over until the
    next raw sample.
    """

    STATE = (
        *("acceleration", "linear", "gravity", "movement", "marks"),
        *("driver", "driven_ns", "linear_ns", "gravity_ns", "gravity_vector", "gravity_bad_ns"),
        *("rotation_ns", "rotation", "rotation_sum", "rotation_count", "given", "given_on"),
    )

    def __init__(self) -> None:
        self.acceleration = Cadence()
        self.linear = Cadence()
        self.gravity = Gravity()
        self.movement = Movement()
        self.marks = BodyBeats(*BAND_HZ)
        self._take = {
            "acceleration": self._take_acceleration,
            "linear_acceleration": self._take_linear,
            "gravity": self._take_gravity,
            "rotation_rate": self._take_rotation,
            "motion_features": self._take_given,
        }
        self.reset()

    def reset(self) -> None:
        for part in (self.acceleration, self.linear, self.gravity, self.movement, self.marks):
            part.reset()
        self.beat_ns: int | None = None  # when the body marked a beat, if it did with the last sample; not a state
        self.driver = _NO_DRIVER  # the stream that made the last columns
        self.driven_ns = _NEVER  # when
        self.linear_ns = _NEVER
        self.gravity_ns = _NEVER
        self.gravity_vector: Vec3 = ZERO
        self.gravity_bad_ns = _NEVER
        self.rotation_ns = _NEVER
        self.rotation: Vec3 = ZERO  # the newest
        self.rotation_sum: Vec3 = ZERO  # since the last acceleration
        self.rotation_count = 0
        self.given: Columns = (0.0,) * 6
        self.given_on = False

    def expect(self, mounting: Mounting) -> None:
        """Begin with what a calibration found: the device's own g and the direction of positive sway."""
        if mounting.gravity is not None:
            self.gravity.scale = mounting.gravity
        if mounting.sway_axis is not None:
            self.movement.sway_axis.axis = mounting.sway_axis

    def mounting(self) -> Mounting:
        """The device as it sits now."""
        weighed = self.gravity.age > 0.0
        up, sway = self.gravity.up, self.movement.sway_axis.axis
        return Mounting(
            self.gravity.scale if weighed else None, up if weighed else None, sway if sway != ZERO else None
        )

    def update(self, stream: str, t_ns: int, values: Sequence[float]) -> None:
        """One sample received at `t_ns`, in the unit of packets.STREAMS; KeyError for a stream that is not motion.

        Values are clamped to what a body can do; what is not the right count of numbers is ignored.
        """
        self.beat_ns = None
        self._take[stream](t_ns, values)

    def read(self, t_ns: int) -> Columns:
        """The six columns at `t_ns`, clamped to LIMITS; changes nothing.

        After 0.1 s (two periods of a slow source) without samples all but frequency and symmetry fade to 0.
        """
        energy, freq, jerk, sway, bounce, symmetry = self.columns()
        fade = self.fade(t_ns)
        return within_limits((energy * fade, freq, jerk * fade, sway * fade, bounce * fade, symmetry))

    def columns(self) -> Columns:
        """The six columns after the last sample."""
        return self.given if self.given_on else self.movement.columns()

    def fade(self, t_ns: int) -> float:
        """What silence up to `t_ns` has left of the fast columns, 1 to 0."""
        return self.movement.fade((t_ns - self.driven_ns) / 1e9)

    def live(self, t_ns: int) -> bool:
        """Whether columns were made within LIVE_NS of `t_ns`."""
        return _live(self.driven_ns, t_ns)

    @property
    def driven(self) -> bool:
        """Whether columns were ever made."""
        return self.driven_ns != _NEVER

    def _take_acceleration(self, t_ns: int, values: Sequence[float]) -> None:
        vector = bounded(values, MAX_ACCELERATION)
        sample = self.acceleration.push(t_ns, vector) if vector is not None else None
        if sample is None:
            return
        rotation = self._rotation(t_ns)
        self.gravity.observe(sample.value, rotation, sample.dt)
        if _live(self.linear_ns, t_ns):
            return
        if _live(self.gravity_ns, t_ns):
            down = self._signed_gravity()
            split = level_split(plus(sample.value, down, -1.0), unit(down))
        elif rotation is not None:
            split = self.gravity.split(sample.value)
        else:
            split = self.gravity.split_by_length(sample.value)
        self._move(_BY_ACCELERATION, t_ns, sample, split)

    def _take_linear(self, t_ns: int, values: Sequence[float]) -> None:
        vector = bounded(values, MAX_ACCELERATION)
        sample = self.linear.push(t_ns, vector) if vector is not None else None
        if vector is not None:
            self.linear_ns = t_ns
        if sample is not None:
            up = unit(self._signed_gravity()) if _live(self.gravity_ns, t_ns) else self.gravity.up
            self._move(_BY_LINEAR, t_ns, sample, level_split(sample.value, up))

    def _take_gravity(self, t_ns: int, values: Sequence[float]) -> None:
        vector = bounded(values, MAX_ACCELERATION)
        if vector is None or not GRAVITY_RANGE[0] < norm(vector) < GRAVITY_RANGE[1]:
            self.gravity_ns, self.gravity_bad_ns = _NEVER, t_ns
        elif abs(t_ns - self.gravity_bad_ns) > DISTRUST_NS:
            self.gravity_vector, self.gravity_ns = vector, t_ns

    def _take_rotation(self, t_ns: int, values: Sequence[float]) -> None:
        vector = bounded(values, MAX_ROTATION)
        if vector is not None:
            self.rotation, self.rotation_ns = vector, t_ns
            self.rotation_sum = plus(self.rotation_sum, vector)
            self.rotation_count += 1

    def _take_given(self, t_ns: int, values: Sequence[float]) -> None:
        if len(values) == len(LIMITS) and all(map(math.isfinite, values)):
            energy, freq, jerk, sway, bounce, symmetry = (
                clamp(float(v), lo, hi) for v, (lo, hi) in zip(values, LIMITS, strict=True)
            )
            self.given = (energy, freq, jerk, sway, bounce, symmetry)
            self.given_on, self.driven_ns = True, t_ns
            self.beat_ns = self.marks.push(t_ns, bounce, freq)

    def _rotation(self, t_ns: int) -> Vec3 | None:
        """Mean rotation rate since the last call, the newest if none came, None without a live gyroscope."""
        if not _live(self.rotation_ns, t_ns):
            return None
        mean = scaled(self.rotation_sum, 1.0 / self.rotation_count) if self.rotation_count else self.rotation
        self.rotation_sum, self.rotation_count = ZERO, 0
        return mean

    def _signed_gravity(self) -> Vec3:
        """The gravity vector pointing as a resting accelerometer does (Android); iOS gives it reversed."""
        vector = self.gravity_vector
        return vector if dot(vector, self.gravity.up) >= 0.0 else scaled(vector, -1.0)

    def _move(self, driver: int, t_ns: int, sample: Sample, split: Split) -> None:
        if sample.restart or driver != self.driver or self.given_on:
            self.movement.rejoin(split, (t_ns - self.driven_ns) / 1e9)
        self.driver, self.driven_ns, self.given_on = driver, t_ns, False
        self.movement.step(split, sample.dt, sample.period)
        cadence = self.linear if driver == _BY_LINEAR else self.acceleration
        self.beat_ns = self.marks.push(cadence.now_ns, self.movement.bounce, self.movement.bank.frequency)


def within_limits(columns: Columns) -> Columns:
    """The six columns, clamped to LIMITS."""
    energy, freq, jerk, sway, bounce, symmetry = map(clamp, columns, _LOWEST, _HIGHEST)
    return energy, freq, jerk, sway, bounce, symmetry


def _live(seen_ns: int, t_ns: int) -> bool:
    """Also false for a stamp far in the future: after the clock jumped back, a dead stream must not look alive."""
    return abs(t_ns - seen_ns) <= LIVE_NS
