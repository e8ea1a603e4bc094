"""A body with a phone on its hip, simulated: known motion in, sensor samples out. Shares no code with the features."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from choreo_service.features import MotionFeatures

Array = NDArray[np.float64]

GRAVITY = 9.80665


@dataclass(frozen=True)
class Imu:
    """What a phone measures, [n, 3] each, sampled at `rate` Hz."""

    rate: float
    acceleration: Array  # m/s^2, specific force
    linear: Array  # m/s^2, the truth without gravity
    rotation: Array  # rad/s

    def t_ns(self, i: int) -> int:
        return round(i * 1e9 / self.rate) + 7_000_000_000

    @property
    def end_ns(self) -> int:
        return self.t_ns(len(self.acceleration) - 1)

    def turned(self, mount: Array) -> Imu:
        """The same motion with the phone mounted otherwise (rotation matrix)."""
        return Imu(self.rate, self.acceleration @ mount.T, self.linear @ mount.T, self.rotation @ mount.T)


def dance(
    rate: float,
    seconds: float = 12.0,
    step_hz: float | Array = 1.8,
    *,
    size: float = 2.0,
    alternation: float = 0.0,
    tilt_deg: float = 8.0,
    noise: float = 0.08,
    seed: int = 0,
) -> Imu:
    """Bounce with an impact on every step, sway at half the step rate, a hip that tilts with the sway and leans slowly.

    `size` is the bounce amplitude (m/s^2), `alternation` makes every second step so much stronger and the others
    weaker. `step_hz` may be given for each sample.
    """
    t = np.arange(round(rate * seconds)) / rate
    steps = step_hz * t if isinstance(step_hz, float) else np.cumsum(step_hz) / rate
    world = _world_motion(steps, step_hz, size, alternation)
    roll = np.radians(tilt_deg) * (0.5 * np.sin(np.pi * steps) + 0.5 * np.sin(2 * np.pi * 0.11 * t))
    pitch = np.radians(tilt_deg) * 0.6 * np.sin(2 * np.pi * 0.07 * t + 1.0)
    to_device = _attitude(roll, pitch)
    h = 1e-5
    later = _attitude(roll + h * np.gradient(roll, t), pitch + h * np.gradient(pitch, t))
    spin = np.einsum("nij,nkj->nik", to_device, later) / h  # R_now R_later^T = 1 + [w]x h
    rotation = 0.5 * np.stack(
        (spin[:, 2, 1] - spin[:, 1, 2], spin[:, 0, 2] - spin[:, 2, 0], spin[:, 1, 0] - spin[:, 0, 1]), axis=1
    )
    rng = np.random.default_rng(seed)
    linear = np.einsum("nij,nj->ni", to_device, world)
    force = np.einsum("nij,nj->ni", to_device, world + np.array((0.0, 0.0, GRAVITY)))
    return Imu(
        rate,
        force + rng.normal(0.0, noise, force.shape),
        linear + rng.normal(0.0, noise, force.shape),
        rotation + rng.normal(0.0, 0.01, force.shape),
    )


def feed(imu: Imu, *streams: str, features: MotionFeatures | None = None, stop: int | None = None) -> MotionFeatures:
    """Everything the phone measured, packet by packet; `streams` in the order of one datagram."""
    features = features or MotionFeatures()
    sources = {"acceleration": imu.acceleration, "linear_acceleration": imu.linear, "rotation_rate": imu.rotation}
    for i in range(stop if stop is not None else len(imu.acceleration)):
        for stream in streams:
            features.update(stream, imu.t_ns(i), sources[stream][i].tolist())
    return features


def traced(imu: Imu, *streams: str, after_s: float = 0.0) -> Array:
    """The six columns after every sample from `after_s` on, [n, 6]."""
    features = MotionFeatures()
    rows = []
    sources = {"acceleration": imu.acceleration, "linear_acceleration": imu.linear, "rotation_rate": imu.rotation}
    for i in range(len(imu.acceleration)):
        for stream in streams:
            features.update(stream, imu.t_ns(i), sources[stream][i].tolist())
        if i >= after_s * imu.rate:
            rows.append(features.read(imu.t_ns(i)))
    return np.array(rows, dtype=np.float64)


def rest(rate: float, seconds: float, noise: float = 0.05, seed: int = 1) -> Imu:
    """A phone lying still, askew."""
    n = round(rate * seconds)
    rng = np.random.default_rng(seed)
    up = np.array((0.36, 0.48, 0.8))
    still = rng.normal(0.0, noise, (n, 3))
    return Imu(rate, GRAVITY * up + still, still, rng.normal(0.0, 0.01, (n, 3)))


def _world_motion(steps: Array, step_hz: float | Array, size: float, alternation: float) -> Array:
    """Bounce and impacts along z, sway along x; [n, 3] m/s^2. `steps` is how many steps were done at each sample."""
    strength = 1.0 + alternation * np.where(np.floor(steps + 0.5) % 2 == 0, 1.0, -1.0)
    impact = np.exp(-0.5 * (((steps + 0.5) % 1.0 - 0.5) / step_hz / 0.03) ** 2)
    bounce = strength * (size * np.cos(2 * np.pi * steps) + 1.5 * size * impact)
    sway = 0.5 * size * np.sin(np.pi * steps)
    return np.stack((sway, 0.1 * sway, bounce - bounce.mean()), axis=1)


def _attitude(roll: Array, pitch: Array) -> Array:
    """World to device, [n, 3, 3]."""
    cr, sr, cp, sp = np.cos(roll), np.sin(roll), np.cos(pitch), np.sin(pitch)
    zero, one = np.zeros_like(cr), np.ones_like(cr)
    about_x = np.stack((one, zero, zero, zero, cr, sr, zero, -sr, cr), axis=1).reshape(-1, 3, 3)
    about_y = np.stack((cp, zero, -sp, zero, one, zero, sp, zero, cp), axis=1).reshape(-1, 3, 3)
    turned: Array = np.einsum("nij,njk->nik", about_y, about_x)
    return turned
