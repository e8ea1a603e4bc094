"""OSC datagrams for tests, written independently of the decoder; and an Emit that remembers."""

from __future__ import annotations

import json
import struct
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from choreo_service import testing

HEADER = b"#bundle\0"


NUMBERS = {"i": ">i", "f": ">f", "d": ">d", "h": ">q", "t": ">Q"}


def message(address: str, tags: str, *args: Any) -> bytes:
    """One message with the type tags given; T, F and N take an argument too, which is not sent."""
    body = b"".join(_argument(tag, arg) for tag, arg in zip(tags, args, strict=True))
    return _padded(address.encode() + b"\0") + _padded(b"," + tags.encode() + b"\0") + body


def bundle(*elements: bytes, timetag: int = 1) -> bytes:
    """A bundle of ready-made elements."""
    return HEADER + struct.pack(">Q", timetag) + b"".join(struct.pack(">I", len(e)) + e for e in elements)


def nested(depth: int, innermost: bytes) -> bytes:
    """`innermost` inside `depth` bundles."""
    for _ in range(depth):
        innermost = bundle(innermost)
    return innermost


G: Final = 9.80665
Vector = Sequence[float]


@dataclass(frozen=True)
class Moment:
    """What a phone's sensors read at one time, SI units in the Android frame."""

    t_ms: int
    linear: Vector
    gravity: Vector
    rotation: Vector

    @property
    def force(self) -> list[float]:
        """What an accelerometer shows: gravity included."""
        return [a + g for a, g in zip(self.linear, self.gravity, strict=True)]


def ios(v: Vector) -> list[float]:
    """m/s^2 as CoreMotion tells it: in g, the axes the other way round."""
    return [-x / G for x in v]


# What each app sends at one moment, from the descriptions of the apps and not from the adapter's tables.
APPS: Final[dict[str, Callable[[Moment], list[bytes]]]] = {
    "comote v3": lambda m: [
        message("/comote/v3/7/gravity", "fffif", *m.gravity, m.t_ms, 52.6),
        message("/comote/v3/7/gyroscope", "fffif", *m.rotation, m.t_ms, 52.6),
        message("/comote/v3/7/accelerometer", "fffif", *m.force, m.t_ms, 52.6),
        message("/comote/v3/7/battery", "fiffif", 0.5, 0, 0.0, 3.4e38, m.t_ms, 0.1),
    ],
    "comote v2": lambda m: [
        message("/comote/7/devicemotion", "fffffff", 19.0, *m.force, *_alpha_beta_gamma(m.rotation)),
    ],
    "gyrosc": lambda m: [
        message("/gyrosc/grav", "fff", *ios(m.gravity)),
        message("/gyrosc/rrate", "fff", *m.rotation),
        message("/gyrosc/gyro", "fff", 0.1, 0.2, 0.3),
        message("/gyrosc/accel", "fff", *ios(m.linear)),
    ],
    "sensors2osc": lambda m: [
        message("/gravity", "fff", *m.gravity),
        message("/gyroscope", "fff", *m.rotation),
        bundle(message("/accelerometer", "fff", *m.force)),
        message("/bt/heartrate", "f", float("nan")),
    ],
    "zigsim": lambda m: [
        message("/8F3A1C2E/gravity", "fff", *ios(m.gravity)),
        message("/8F3A1C2E/gyro", "fff", *m.rotation),
        message("/8F3A1C2E/accel", "fff", *ios(m.linear)),
        message("/8F3A1C2E/touch0", "ff", 0.5, 0.5),
    ],
    "zigsim pro": lambda m: [
        bundle(
            message("/ZIGSIM/dancer/deviceinfo", "sssii", "Ada's iPhone", "dancer", "ios", 1170, 2532),
            message("/ZIGSIM/dancer/gravity", "fff", *ios(m.gravity)),
            message("/ZIGSIM/dancer/gyro", "fff", *m.rotation),
            message("/ZIGSIM/dancer/accel", "fff", *ios(m.linear)),
        )
    ],
    "zigsim json": lambda m: [
        json.dumps(
            {
                "device": {"name": "Ada's iPhone", "uuid": "8F3A1C2E", "os": "ios", "osversion": "17.5"},
                "timestamp": "2026_03_20_15:08:32.123",
                "sensordata": {
                    "accel": _xyz(ios(m.linear)),
                    "gravity": _xyz(ios(m.gravity)),
                    "gyro": _xyz(m.rotation),
                    "quaternion": {"x": 0.0, "y": 0.0, "z": 0.0, "w": 1.0},
                },
            }
        ).encode()
    ],
    "rime": lambda m: [
        message(
            "/sensors",
            "f" * 18,
            *ios(m.force),
            *ios(m.linear),
            *(0.1, 0.2, 0.3),
            *(v + 0.02 for v in m.rotation),  # raw: with the gyroscope's bias
            *ios(m.gravity),
            *m.rotation,
        )
    ],
    "tdlidar": lambda m: [
        *_per_axis("/tdlidar/motion/gravity", ios(m.gravity)),
        *_per_axis("/tdlidar/motion/rotation", m.rotation),
        message("/tdlidar/motion/battery/level", "f", 0.75),
        *_per_axis("/tdlidar/motion/accel", ios(m.linear)),
    ],
    "oschook v1": lambda m: _per_axis("/accelerometer/gravity", m.gravity) + _per_axis("/accelerometer/raw", m.force),
    "oschook v2": lambda m: [message("/oscHook", "ifffffffff", m.t_ms, 1.0, 2.0, 3.0, *m.force, 4.0, 5.0, 6.0)],
    "touchosc ios": lambda m: [message("/accxyz", "fff", *(v / G for v in m.force))],
    "touchosc android": lambda m: [message("/accxyz", "ffff", *m.force, 0.0)],
    "choreo": lambda m: [message("/choreo/motion", "ffffff", *m.force, *m.rotation)],
    "choreo linear": lambda m: [
        message("/choreo/motion/gravity", "fff", *m.gravity),
        message("/choreo/motion/linear", "fff", *m.linear),
    ],
}


def _alpha_beta_gamma(rotation: Vector) -> list[float]:
    """rad/s about x, y, z as the deg/s of a devicemotion event: about z, x, y."""
    x, y, z = (v * 57.29577951308232 for v in rotation)
    return [z, x, y]


def _xyz(v: Vector) -> dict[str, float]:
    return dict(zip("xyz", v, strict=True))


def _per_axis(prefix: str, v: Vector) -> list[bytes]:
    return [message(f"{prefix}/{axis}", "f", x) for axis, x in zip("xyz", v, strict=True)]


def vmc_frame(hips: Vector, root: Vector = (0.0, 0.0, 0.0), turn: Vector = (0.0, 0.0, 0.0, 1.0)) -> list[bytes]:
    """One frame of a VMC performer: the root with its rotation, some bones, the end of the frame."""
    still = (0.0, 0.0, 0.0, 1.0)
    return [
        bundle(
            message("/VMC/Ext/OK", "i", 1),
            message("/VMC/Ext/T", "f", 12.5),
            message("/VMC/Ext/Root/Pos", "sfffffff", "root", *root, *turn),
            message("/VMC/Ext/Bone/Pos", "sfffffff", "Hips", *hips, *still),
            message("/VMC/Ext/Bone/Pos", "sfffffff", "Spine", 0.0, 0.1, 0.0, *still),
            message("/VMC/Ext/Blend/Val", "sf", "Joy", 1.0),
            message("/VMC/Ext/Blend/Apply", ""),
        )
    ]


def tracker_frame(hips: Vector, number: int = 1) -> list[bytes]:
    """One frame of SlimeVR: two messages per tracker, the feet at rest."""
    others = [n for n in (1, 2, 3) if n != number]
    return [
        message(f"/tracking/trackers/{n}/{what}", "fff", *values)
        for n, position in ((number, hips), *((n, (0.1, 0.0, 0.1)) for n in others))
        for what, values in (("position", position), ("rotation", (0.0, 90.0, 0.0)))
    ] + [message("/tracking/trackers/head/position", "fff", 0.0, 1.7, 0.0)]


class RecordingEmit(testing.RecordingEmit):
    """The kit's, with the short forms the OSC tests read."""

    @property
    def refused(self) -> Counter[str]:
        """Refusals by cause."""
        causes: Counter[str] = Counter()
        for (_, cause), count in self.rejections.items():
            causes[cause] += count
        return causes

    @property
    def refused_sources(self) -> set[str]:
        return {source for source, _ in self.rejections}

    def streams(self) -> dict[str, tuple[float, ...]]:
        """The last values of each stream."""
        return {s.stream: s.values for s in self.samples}


def _argument(tag: str, value: Any) -> bytes:
    if tag in NUMBERS:
        return struct.pack(NUMBERS[tag], value)
    if tag == "s":
        return _padded(value.encode() + b"\0")
    if tag == "b":
        return struct.pack(">I", len(value)) + _padded(value)
    return b""


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)
