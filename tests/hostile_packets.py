"""The datagrams that broke other programs, each with the counter it must end up in here.

Two groups: what made OSC libraries freeze, raise, sleep or read wrong values, and what made music programs exit, fall
silent or play on with NaN for ever. Every row is one datagram.
"""

from __future__ import annotations

import math
import struct
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from osc_datagrams import HEADER, bundle, message, nested

from choreo_adapters.osc.presets import LAYOUTS, Layout, Route

ACCELERATION: Final = "/choreo/motion/accel"
PAST_1970: Final = 2_208_988_800 << 32  # NTP time tag of the Unix epoch
FAR_FUTURE: Final = 0xFFFF_FFFF << 32  # the last second an NTP time tag can name


@dataclass(frozen=True, slots=True)
class Hostile:
    """One datagram and the cause it is counted under; "" where it is a sample like any other."""

    name: str
    data: bytes
    cause: str
    counts: int = 1  # every stream an address holds is refused on its own


def _raw(*sizes: int, before: bytes = b"") -> bytes:
    """A bundle whose element sizes are whatever the attacker likes."""
    return HEADER + struct.pack(">Q", 1) + before + b"".join(struct.pack(">i", size) for size in sizes)


def _text(data: bytes) -> bytes:
    return data + bytes(4 - len(data) % 4)


_GOOD: Final = message(ACCELERATION, "fff", 0.0, 0.0, 9.75)
_UNKNOWN: Final = message("/nobody", "f", 1.0)

LIBRARIES: Final = (
    Hostile("an element of size -4", _raw(-4), "bundle element size"),
    Hostile(
        "an element that leads back to the first",
        _raw(-(len(_UNKNOWN) + 8), before=struct.pack(">I", len(_UNKNOWN)) + _UNKNOWN),
        "bundle element size",
    ),
    Hostile("an element of size 0", _raw(0), "bundle element size"),
    Hostile("an element beyond the end", _raw(2**31 - 4), "bundle element size"),
    Hostile("14 stars", message("/long/address/" + "*a" * 14 + "b", "f", 1.0), "address pattern"),
    Hostile("14 stars in a row", message("/phone/motion/" + "*" * 14 + "!", "f", 1.0), "address pattern"),
    Hostile("25 stars", message("/phone/motion/" + "*a" * 25 + "!", "f", 1.0), "address pattern"),
    Hostile("everybody", message("/*", "f", 1.0), "address pattern"),
    Hostile("a time tag far ahead", bundle(_UNKNOWN, timetag=FAR_FUTURE), "unknown address"),
    Hostile("a time tag of 1970", bundle(_UNKNOWN, timetag=PAST_1970), "unknown address"),
    Hostile("time tag 0", bundle(_UNKNOWN, timetag=0), "unknown address"),
    Hostile("an address that is no text", b"/\xaa\0\0", "malformed address"),
    Hostile("an address that is no UTF-8", _text(b"/a\xc3\x28") + b",f\0\0" + bytes(4), "malformed address"),
    Hostile("a string that is no UTF-8", _text(b"/nobody") + b",s\0\0\xff\xfe\xc3\0", "unknown address"),
    Hostile("no type tags, as in old OSC", _text(ACCELERATION.encode()) + bytes(12), "malformed type tags"),
    Hostile("bundles 1500 deep", nested(1500, _UNKNOWN), "datagram size"),
    Hostile("bundles 400 deep", nested(400, _UNKNOWN), "datagram size"),
    Hostile("bundles 90 deep", nested(90, _UNKNOWN), "bundles too deep"),
    Hostile("half a float", _GOOD[:-2], "datagram size"),
    Hostile("a float short", _GOOD[:-4], "argument length"),
    Hostile("a float too many", _GOOD + bytes(4), "argument length"),
    Hostile("type tag c", _text(ACCELERATION.encode()) + b",cff\0\0\0\0" + bytes(12), "unknown type tag"),
    Hostile("65000 unknown type tags", _text(b"/a") + _text(b"," + b"c" * 65_000), "datagram size"),
    Hostile("1000 unknown type tags", _text(b"/a") + _text(b"," + b"c" * 1_000), "too many arguments"),
    Hostile("a blob of 4 GiB", _text(b"/a") + b",b\0\0\xff\xff\xff\xff", "argument length"),
    Hostile("65 messages", bundle(*[message("/a", "")] * 65), "too many messages"),
    Hostile("nothing at all", b"", "datagram size"),
    Hostile("denormals", message(ACCELERATION, "fff", 1e-45, -1e-45, 0.0), ""),
    Hostile("1e308", message(ACCELERATION, "ddd", 1e308, -1e308, 1e308), "implausible value"),
    Hostile("an integer of 64 bits", message(ACCELERATION, "hhh", 2**63 - 1, 0, 0), "implausible value"),
    Hostile("booleans for numbers", message(ACCELERATION, "TFN", True, False, None), "wrong arguments"),
)

PEERS: Final = (
    Hostile("NaN", message(ACCELERATION, "fff", math.nan, math.nan, math.nan), "not finite"),
    Hostile("one NaN", message(ACCELERATION, "fff", 0.0, math.nan, 9.75), "not finite"),
    Hostile("Inf", message(ACCELERATION, "fff", math.inf, -math.inf, math.inf), "not finite"),
    Hostile("1e6", message(ACCELERATION, "fff", 1e6, 1e6, 1e6), "implausible value"),
    Hostile("wrong length", message(ACCELERATION, "ff", 1.0, 2.0), "wrong arguments"),
    Hostile("strings", message(ACCELERATION, "sss", "a", "b", "c"), "wrong arguments"),
    Hostile("garbage", bytes(range(1, 33)), "malformed address"),
)
ALL: Final = LIBRARIES + PEERS

# What an app's own numbers turn into when its sensor, its parser or its author has a bad day.
_SPOILED: Final[tuple[tuple[str, str, Any, str], ...]] = (
    ("NaN", "f", math.nan, "not finite"),
    ("Inf", "f", math.inf, "not finite"),
    ("-Inf", "f", -math.inf, "not finite"),
    ("1e30", "f", 1e30, "implausible value"),
    ("a string", "s", "wet", "wrong arguments"),
    ("nil", "N", None, "wrong arguments"),
)


def spoiled(layout: Layout) -> Iterator[Hostile]:
    """Every stream of an app with each kind of bad value in each of its numbers, and with its numbers cut off."""
    for route in (r for r in layout.routes if r.stream is not None):
        for index in route.args:
            for kind, tag, value, cause in _SPOILED:
                yield Hostile(
                    f"{layout.name} {route.stream}[{index}] {kind}", _with(layout, route, index, tag, value), cause
                )
    addresses = Counter(layout.address(route) for route in layout.routes if route.stream is not None)
    for address, streams in addresses.items():
        yield Hostile(f"{address} without numbers", message(address, ""), "wrong arguments", streams)


def layout_faults(name: str) -> tuple[Hostile, ...]:
    """`spoiled` of the layout called `name`."""
    return tuple(spoiled(LAYOUTS[name]))


def _with(layout: Layout, route: Route, index: int, tag: str, value: Any) -> bytes:
    tags, values = list(route.typetags), [0] * len(route.typetags)
    tags[index], values[index] = tag, value
    return message(layout.address(route), "".join(tags), *values)
