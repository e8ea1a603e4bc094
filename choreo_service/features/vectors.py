"""Three-vectors as plain tuples: on arrays this small numpy costs ten times the arithmetic."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

Vec3 = tuple[float, float, float]

ZERO: Final[Vec3] = (0.0, 0.0, 0.0)


def clamp(value: float, lo: float, hi: float) -> float:
    return lo if value < lo else hi if value > hi else value


def bounded(values: Sequence[float], limit: float) -> Vec3 | None:
    """Three components clamped to +-limit; None when one is not a number or there are not three."""
    if len(values) != 3:
        return None
    x, y, z = map(float, values)
    if -limit <= x <= limit and -limit <= y <= limit and -limit <= z <= limit:  # as nearly always
        return (x, y, z)
    x, y, z = clamp(x, -limit, limit), clamp(y, -limit, limit), clamp(z, -limit, limit)
    return (x, y, z) if math.isfinite(x + y + z) else None


def dot(a: Vec3, b: Vec3) -> float:
    ax, ay, az = a
    bx, by, bz = b
    return ax * bx + ay * by + az * bz


def norm(a: Vec3) -> float:
    x, y, z = a
    return math.sqrt(x * x + y * y + z * z)


def scaled(a: Vec3, k: float) -> Vec3:
    return (a[0] * k, a[1] * k, a[2] * k)


def plus(a: Vec3, b: Vec3, k: float = 1.0) -> Vec3:
    """a + k*b"""
    return (a[0] + k * b[0], a[1] + k * b[1], a[2] + k * b[2])


def unit(a: Vec3, fallback: Vec3 = ZERO) -> Vec3:
    """`a` at length 1, or `fallback` when it is too short to have a direction."""
    x, y, z = a
    n = math.sqrt(x * x + y * y + z * z)
    if not n > 1e-9:
        return fallback
    k = 1.0 / n
    return (x * k, y * k, z * k)


def turned(v: Vec3, rotation: Vec3, dt: float) -> Vec3:
    """A world-fixed vector, seen from a device that turns at `rotation` rad/s for `dt` s (Rodrigues' formula)."""
    speed = norm(rotation)
    if speed * dt < 1e-12:
        return v
    ax, ay, az = rotation[0] / speed, rotation[1] / speed, rotation[2] / speed
    sin, cos = math.sin(speed * dt), math.cos(speed * dt)
    along = (ax * v[0] + ay * v[1] + az * v[2]) * (1.0 - cos)
    return (
        v[0] * cos - (ay * v[2] - az * v[1]) * sin + ax * along,
        v[1] * cos - (az * v[0] - ax * v[2]) * sin + ay * along,
        v[2] * cos - (ax * v[1] - ay * v[0]) * sin + az * along,
    )
