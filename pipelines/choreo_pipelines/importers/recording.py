"""What every importer gives: tracks of raw samples in SI units on one time axis, and what was found on the way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from types import ModuleType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from choreo_service.clock import NS
from choreo_service.errors import ChoreoError
from choreo_service.packets import MODALITY_NAMES, STREAMS, SensorPacket

FIRST_NS: Final = NS  # where a recording begins on the take's own axis, so that no stamp is zero


class SourceError(ChoreoError):
    """A recording of another device or app can't be taken in: unreadable, unknown, or without anything to play."""

    exit_code = 3


@dataclass(frozen=True, slots=True)
class Options:
    """What the user said about a source. All of it may be empty."""

    columns: Mapping[str, Sequence[str]] = field(default_factory=dict)  # stream or "time" -> names of columns
    units: Mapping[str, str] = field(default_factory=dict)  # stream or "time" -> unit


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """The samples of one stream as the file has them: nothing resampled, nothing filled in."""

    stream: str  # key of STREAMS
    at_ns: NDArray[np.int64]  # [n] ns since the source's zero, rising or equal
    values: NDArray[np.float64]  # [n, width] in the stream's SI unit
    unit: str  # the unit in the file, and how it is known

    @property
    def step_s(self) -> float:
        """The usual time between samples; 0 for fewer than two."""
        return float(np.median(np.diff(self.at_ns))) / NS if len(self.at_ns) > 1 else 0.0

    @property
    def duration_s(self) -> float:
        return float(self.at_ns[-1] - self.at_ns[0]) / NS

    def gaps(self) -> list[tuple[int, float]]:
        """(ns of the last sample before it, seconds) of every silence more than 1 s longer than the usual step."""
        steps = np.diff(self.at_ns)
        found = np.flatnonzero(steps > (self.step_s + 1.0) * NS)
        return [(int(self.at_ns[i]), float(steps[i]) / NS) for i in found]


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """A whole source."""

    form: str  # key of FORMATS
    name: str  # proposal for the take's name
    tracks: tuple[Track, ...]
    wall: bool  # the source's zero is 1970, so its date is known
    markers: tuple[tuple[int, str], ...] = ()  # (ns since the source's zero, label)
    ignored: tuple[str, ...] = ()  # what was there and has no place in a take
    notes: tuple[str, ...] = ()  # what else the user should know

    @property
    def start_ns(self) -> int:
        return min(int(track.at_ns[0]) for track in self.tracks)

    @property
    def duration_s(self) -> float:
        return (max(int(track.at_ns[-1]) for track in self.tracks) - self.start_ns) / NS

    def missing(self) -> tuple[str, ...]:
        """Modalities without a single sample."""
        there = {STREAMS[track.stream].modality for track in self.tracks}
        return tuple(name for name in MODALITY_NAMES if name not in there)

    def packets(self) -> Iterator[SensorPacket]:
        """All samples of all tracks merged by time. Each call begins anew."""
        owner = np.concatenate([np.full(len(t.at_ns), i) for i, t in enumerate(self.tracks)])
        row = np.concatenate([np.arange(len(t.at_ns)) for t in self.tracks])
        at_ns = np.concatenate([t.at_ns for t in self.tracks]) - self.start_ns + FIRST_NS
        order = np.argsort(at_ns, kind="stable")
        seq, source_id = count(), f"import:{self.form}"
        for begin in range(0, len(order), _AT_ONCE):
            part = order[begin : begin + _AT_ONCE]
            for t, i, t_ns in zip(owner[part].tolist(), row[part].tolist(), at_ns[part].tolist(), strict=True):
                sample = tuple(self.tracks[t].values[i].tolist())
                yield SensorPacket(self.tracks[t].stream, 0, next(seq), t_ns, t_ns, None, source_id, sample)

    def meta(self) -> dict[str, Any]:
        """What the take's header keeps of the source."""
        created = {"created": iso_time(self.start_ns)} if self.wall else {}
        return {
            **created,
            "source": f"import:{self.form} {self.name}",
            "performers": 1,
            "notes": list(self.notes),
            "units": {track.stream: track.unit for track in self.tracks},
            "markers": [
                {"t_ns": at_ns - self.start_ns + FIRST_NS, "label": label} for at_ns, label in sorted(self.markers)
            ],
        }


_AT_ONCE: Final = 8192  # samples that become Python objects at a time


def track(
    stream: str, at_ns: NDArray[np.int64], values: NDArray[np.float64], unit: str
) -> tuple[Track | None, list[str]]:
    """A Track of the finite rows in the order of time, None where no row is left; with notes of what was put right."""
    values = values.reshape(len(at_ns), STREAMS[stream].width)
    finite = np.isfinite(values).all(axis=1)
    notes = [f"{stream}: {int((~finite).sum())} rows without numbers left out"] if not finite.all() else []
    at_ns, values = at_ns[finite], values[finite]
    if not len(at_ns):
        return None, [f"{stream}: no sample"]
    if (backwards := int((np.diff(at_ns) < 0).sum())) > 0:
        order = np.argsort(at_ns, kind="stable")
        at_ns, values = at_ns[order], values[order]
        notes.append(f"{stream}: time stepped back {backwards} times; samples put in the order of their time")
    return Track(stream, at_ns, values, unit), notes


def iso_time(epoch_ns: int) -> str:
    """UTC date and time in ISO 8601, to the second."""
    return f"{np.datetime64(epoch_ns // NS, 's')}+00:00"


def lab_module(name: str) -> ModuleType:
    """A module of the optional `lab` dependencies; SourceError says how to get it."""
    from importlib import import_module

    try:
        return import_module(name)
    except ImportError as error:
        raise SourceError(
            f"this needs {name.split('.')[0]}, which isn't installed",
            fix="make setup (in the project's folder), or pip install 'choreo-service[lab]'",
        ) from error
