"""Which columns of a phone logger's CSV are which stream, told by their names, and in which unit they stand."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from choreo_adapters.osc.presets import STANDARD_GRAVITY
from choreo_pipelines.importers.recording import Options, SourceError
from choreo_service.packets import STREAMS

TIME: Final = "time"

# Names as loggers write them, in lower case and letters only, without axis and unit.
NAMES: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        ("a", "acc", "accel", "acceleration", "accelerometer", "accelerometeracceleration"), "acceleration"
    ),
    **dict.fromkeys(("totalacceleration", "accelerationwithg", "accelerationincludinggravity"), "acceleration"),
    **dict.fromkeys(("linearacceleration", "linearaccelerometer", "linacc", "linaccel"), "linear_acceleration"),
    **dict.fromkeys(("useracceleration", "motionuseracceleration", "accelerationwithoutg"), "linear_acceleration"),
    **dict.fromkeys(("gravity", "grav", "motiongravity"), "gravity"),
    **dict.fromkeys(("g", "w", "gyr", "gyro", "gyroscope", "gyrorotation"), "rotation_rate"),
    **dict.fromkeys(("rotationrate", "motionrotationrate", "angularvelocity"), "rotation_rate"),
    **dict.fromkeys(("hr", "heartrate", "bpm", "heartratebpm", "pulse"), "heart_rate"),
    **dict.fromkeys(("rr", "rrinterval", "ibi", "rrintervals"), "rr_interval"),
}
# Of several time columns the first of these is taken: with a date before without, the logger's own before others.
TIME_NAMES: Final = (
    *("timestamp", "time", "epoch", "unixtime", "datetime", "loggingtime", "date"),
    *("secondselapsed", "timeelapsed", "elapsed", "elapsedtime", "t", "ms", "seconds"),
)
AXES: Final = "xyz"
UNITS: Final[Mapping[str, Mapping[str, float]]] = {  # kind -> unit as written -> factor to SI
    "acceleration": {
        **dict.fromkeys(("m/s^2", "m/s2", "m/s²", "ms^-2", "m/s/s", "m s^-2"), 1.0),
        **dict.fromkeys(("g", "gs"), STANDARD_GRAVITY),
        "mg": STANDARD_GRAVITY / 1000.0,
    },
    "rotation": {
        **dict.fromkeys(("rad/s", "rad s^-1"), 1.0),
        **dict.fromkeys(("deg/s", "°/s", "dps", "degrees/s"), math.pi / 180.0),
    },
    "heart_rate": {"bpm": 1.0, "1/min": 1.0, "hz": 60.0},
    "rr_interval": {"s": 1.0, "ms": 0.001},
}


@dataclass(frozen=True, slots=True)
class Mapped:
    """One stream found in a header."""

    stream: str
    columns: tuple[int, ...]  # where its values stand, in the stream's order
    factor: float
    unit: str  # the unit and how it is known, for people


def map_columns(header: Sequence[str], stem: str, options: Options) -> tuple[list[Mapped], list[int], list[str]]:
    """(streams, unused columns that aren't time, notes). `stem` is the file's name, which tells what bare x, y, z are.

    SourceError when a column or unit the user named doesn't exist.
    """
    parsed = [_Name.parse(name) for name in header]
    sensor_logger = any(name.base == "secondselapsed" for name in parsed)
    groups: dict[tuple[str, str], dict[str, int]] = {}  # (stream, name in the file) -> axis -> column
    for i, name in enumerate(parsed):
        base = name.base or _letters(stem)
        stream = _stream(base, sensor_logger=sensor_logger)
        if stream is not None and stream not in options.columns and bool(name.axis) == (STREAMS[stream].width == 3):
            groups.setdefault((stream, base), {}).setdefault(name.axis, i)
    found: dict[str, tuple[int, ...]] = {s: _named(header, s, c) for s, c in options.columns.items() if s != TIME}
    notes: list[str] = []
    for (stream, base), axes in groups.items():
        wanted = AXES if STREAMS[stream].width == 3 else ("",)
        if lacking := [axis for axis in wanted if axis not in axes]:
            notes.append(f"{stream}: {base} lacks {', '.join(lacking)}; left out")
        elif stream not in found:
            found[stream] = tuple(axes[axis] for axis in wanted)
    mapped = [Mapped(s, c, *_unit(s, parsed[c[0]].unit, options)) for s, c in found.items()]
    used = {i for columns in found.values() for i in columns} | set(time_columns(header, options))
    return mapped, [i for i in range(len(header)) if i not in used], notes


def time_columns(header: Sequence[str], options: Options) -> list[int]:
    """Columns that hold time, the best first; those the user named alone, where there are any."""
    if TIME in options.columns:
        return list(_named(header, TIME, options.columns[TIME]))
    names = [_Name.parse(name).base for name in header]
    return sorted((i for i, n in enumerate(names) if n in TIME_NAMES), key=lambda i: TIME_NAMES.index(names[i]))


def stated_unit(column: str) -> str:
    """What stands in brackets at the end of a column's name, "" for nothing."""
    return _Name.parse(column).unit


@dataclass(frozen=True, slots=True)
class _Name:
    """A column's name taken apart: "Linear Acceleration x (m/s^2)" is linearacceleration, x, m/s^2."""

    base: str
    axis: str
    unit: str

    @classmethod
    def parse(cls, name: str) -> _Name:
        match = _WITH_UNIT.fullmatch(name.strip())
        plain, unit = (match[1], match[2]) if match else (name, "")
        plain = plain.strip(" _.-")
        # An axis stands apart or is a capital after a small letter (accelX); the x of "index" is none.
        axis = _AXIS.fullmatch(plain)
        return cls(_letters(axis[1]), axis[2].lower(), unit) if axis else cls(_letters(plain), "", unit)


_WITH_UNIT: Final = re.compile(r"(.*?)\s*[(\[]([^()\[\]]*)[)\]]")
_AXIS: Final = re.compile(r"(.*[\s_.\-]|.*[a-z](?=[XYZ])|[awgAWG]|)([xyzXYZ])")
_KINDS: Final = {
    **dict.fromkeys(("acceleration", "linear_acceleration", "gravity"), "acceleration"),
    "rotation_rate": "rotation",
    "heart_rate": "heart_rate",
    "rr_interval": "rr_interval",
}


def _stream(base: str, *, sensor_logger: bool) -> str | None:
    # Sensor Logger is alone in calling what is left without gravity "Accelerometer"; its total is TotalAcceleration.
    if sensor_logger and base == "accelerometer":
        return "linear_acceleration"
    return NAMES.get(base)


def _named(header: Sequence[str], stream: str, names: Sequence[str]) -> tuple[int, ...]:
    width = 1 if stream == TIME else STREAMS[stream].width
    if len(names) != width:
        raise SourceError(
            f"{stream} needs {width} columns, {len(names)} were named: {', '.join(names)}",
            fix=f"--columns {stream}={','.join('ABC'[:width])}",
        )
    stripped = [name.strip() for name in header]
    if absent := [name for name in names if name not in stripped]:
        raise SourceError(
            f"no column {', '.join(absent)}; the file has: {', '.join(stripped)}", fix=f"--columns {stream}=..."
        )
    return tuple(stripped.index(name) for name in names)


def _unit(stream: str, stated: str, options: Options) -> tuple[float, str]:
    known = UNITS[_KINDS[stream]]
    if stream in options.units:
        unit = options.units[stream].lower()
        if unit not in known:
            raise SourceError(f"{stream} in {unit!r}: expected one of {', '.join(known)}", fix=f"--unit {stream}=...")
        return known[unit], f"{unit} (as you said)"
    if stated.strip().lower() in known:
        return known[stated.strip().lower()], f"{stated} (column name)"
    return 1.0, f"{STREAMS[stream].unit} (assumed)"


def _letters(name: str) -> str:
    return re.sub("[^a-z]", "", name.lower())
