"""From the arguments of a message to numbers in SI units."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final, TypeGuard

from choreo_adapters.osc.decode import IMMEDIATELY, Argument
from choreo_adapters.osc.presets import TIME_UNITS_NS, Route

# In SI units: what phone sensors and hearts can reach, with room to spare.
PLAUSIBLE: Final[Mapping[str, tuple[float, float]]] = {
    "acceleration": (-500.0, 500.0),
    "linear_acceleration": (-500.0, 500.0),
    "gravity": (-15.0, 15.0),
    "rotation_rate": (-100.0, 100.0),
    "heart_rate": (20.0, 300.0),  # watches send 0 while they have no skin contact
    "context": (0.0, 1.0),
}


def numbers(args: Sequence[Argument], indices: Sequence[int]) -> tuple[float, ...] | None:
    """The arguments at `indices` as floats; None when one is absent or not a number."""
    if len(args) <= max(indices):
        return None
    found = [float(v) for v in map(args.__getitem__, indices) if type(v) is float or type(v) is int]
    return tuple(found) if len(found) == len(indices) else None


def device_time(args: Sequence[Argument], route: Route) -> int | None:
    """The device's own clock in ns; None where the app sends none, or nothing that fits 64 bits."""
    if route.time_arg is None or len(args) <= route.time_arg:
        return None
    value = args[route.time_arg]
    if not _is_number(value) or not math.isfinite(value):
        return None
    time_ns = round(value * TIME_UNITS_NS[route.time_unit])
    return time_ns if abs(time_ns) < 1 << 63 else None


def timetag_ns(timetag: int) -> int | None:
    """A bundle's time tag as ns of the sender's wall clock; None for the tags that mean now."""
    if timetag <= IMMEDIATELY:
        return None
    return (timetag >> 32) * 1_000_000_000 + ((timetag & 0xFFFF_FFFF) * 1_000_000_000 >> 32)


def scaled(raw: Sequence[float], scale: float) -> tuple[float, ...]:
    """`raw` times `scale`."""
    return tuple(raw) if scale == 1.0 else tuple([v * scale for v in raw])


def plausible(stream: str, values: Sequence[float]) -> bool:
    """Whether a body could give these SI values."""
    lo, hi = PLAUSIBLE[stream]
    for v in values:  # noqa: SIM110 - asked of each sample twice, and a generator would take three times as long
        if not lo <= v <= hi:
            return False
    return True


def _is_number(value: Argument) -> TypeGuard[int | float]:
    return type(value) is float or type(value) is int  # bool is an int too, but not a number here
