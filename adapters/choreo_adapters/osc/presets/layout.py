"""What a layout is made of: which argument of which address is which stream, in which unit.

All acceleration is normalised to specific force in the W3C/Android frame (x right, y up, z out of the screen; a phone
lying face up reads z = +9.81). CoreMotion counts the other way round, hence `sign=-1` in the layouts of iOS apps.
Arguments match by number, not by type tag: senders written in JavaScript turn 1.0 into an int32.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

STANDARD_GRAVITY: Final = 9.80665  # m/s^2 per g, by definition
AXES: Final = ("x", "y", "z")

UNITS: Final[Mapping[str, float]] = {  # factor to the SI unit of the stream
    "m/s^2": 1.0,
    "g": STANDARD_GRAVITY,
    "rad/s": 1.0,
    "deg/s": math.pi / 180.0,
    "bpm": 1.0,
    "0..1": 1.0,
}
TIME_UNITS_NS: Final[Mapping[str, int]] = {"ms": 1_000_000, "s": 1_000_000_000}


@dataclass(frozen=True, slots=True)
class Route:
    """Where one stream stands in the messages of one address.

    `address` may hold placeholders in braces, each one whole segment: "/{id}/accel". Routes may share an address; they
    are read in their order, rotation before the acceleration it belongs to, whose gravity is removed with it.
    """

    address: str
    typetags: str  # as the app sends them, for encoders
    stream: str | None = None  # key of packets.STREAMS; None: known and ignored
    unit: str = ""  # key of UNITS
    args: tuple[int, ...] = (0, 1, 2)  # which arguments are the stream's values, in its order
    sign: float = 1.0  # -1 where the app's axes point the other way
    time_arg: int | None = None  # argument holding the device's own time
    time_unit: str = "ms"  # key of TIME_UNITS_NS
    ambiguous: bool = False  # unit and gravity differ between versions of the app: measure before use
    fact: str = ""  # what its first argument tells about the device itself, for health: "battery"

    @property
    def scale(self) -> float:
        """Factor from the app's number to the stream's SI value."""
        return self.sign * UNITS[self.unit]


@dataclass(frozen=True, slots=True)
class AxisRoute:
    """A stream of three values sent as three messages of one number each, the axes by name at the end."""

    prefix: str  # the address is prefix/x, prefix/y, prefix/z
    stream: str  # key of packets.STREAMS, of width 3
    unit: str  # key of UNITS
    sign: float = 1.0
    ambiguous: bool = False  # as in Route

    @property
    def scale(self) -> float:
        """Factor from the app's number to the stream's SI value."""
        return self.sign * UNITS[self.unit]


@dataclass(frozen=True, slots=True)
class Layout:
    """What one app sends."""

    name: str
    app: str
    about: str
    silence_means_unchanged: bool  # the app leaves out samples equal to the last one
    bundled: bool  # it groups what belongs together in one bundle
    fill: tuple[tuple[str, str], ...]  # placeholder -> what a typical device puts there, for encoders
    routes: tuple[Route, ...]
    axes: tuple[AxisRoute, ...] = ()  # what it sends in pieces; read, never encoded
    steps: tuple[str, ...] = ()  # what to do in the app; {host} and {port} stand for where to send

    def address(self, route: Route, **names: str) -> str:
        """The route's address with placeholders filled from `names`, else from `fill`."""
        return route.address.format(**{**dict(self.fill), **names})

    def streams(self) -> tuple[str, ...]:
        """Streams this app can give in whole messages, each once, in the order of its routes."""
        return tuple(dict.fromkeys(r.stream for r in self.routes if r.stream is not None))
