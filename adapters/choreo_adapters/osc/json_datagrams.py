"""ZIG SIM's JSON datagrams, read as the OSC messages the same app would send.

    {"device": {"uuid": "8F3A1C2E", ...}, "timestamp": "...", "sensordata": {"accel": {"x": 0.0, "y": 0.1, "z": 0.0}}}

becomes /8F3A1C2E/accel 0.0 0.1 0.0; some versions put the sensors beside "device". The time stamp is wall-clock text
and isn't read. As bounded as the OSC decoder: the size of the datagram and of the address are limited, and OscError is
the only exception.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from choreo_adapters.osc.decode import IMMEDIATELY, MAX_BYTES, Cause, Message, OscError

SENSORS: Final[Mapping[str, tuple[str, ...]]] = {  # key -> its numbers, in the order of the OSC message
    "gravity": ("x", "y", "z"),
    "gyro": ("x", "y", "z"),
    "accel": ("x", "y", "z"),  # last: its gravity comes with it
}


def decode_json(data: bytes) -> list[Message]:
    """The motion in one datagram that begins with a brace; raises OscError. Numbers may be NaN or infinite."""
    if len(data) > MAX_BYTES:
        raise OscError(Cause.SIZE)
    try:
        # Digits without end would be an int that no float can hold.
        found = json.loads(data, parse_int=float)
    except (ValueError, RecursionError) as error:
        raise OscError(Cause.JSON) from error
    device, sensors = _part(found, "device"), _part(found, "sensordata") or found
    name = device.get("uuid") or device.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise OscError(Cause.JSON)
    return [
        Message(f"/{name}/{sensor}", tuple(part.get(axis) for axis in axes), IMMEDIATELY)
        for sensor, axes in SENSORS.items()
        if (part := _part(sensors, sensor))
    ]


_NAME: Final = re.compile(r"[A-Za-z0-9_.:@-]{1,64}")


def _part(whole: Any, key: str) -> Mapping[str, Any]:
    """The object under `key`, empty where there is none."""
    part = whole.get(key) if isinstance(whole, dict) else None
    return part if isinstance(part, dict) else {}
