"""Heart rate beside effort, once a second: from takes, and from activities whose effort a take has no place for."""

from __future__ import annotations

import math
import warnings
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from choreo_pipelines.importers import Recording, SourceError, read_source
from choreo_pipelines.importers.features import frames_of_packets, recorded_frames
from choreo_pipelines.importers.reading import read_text
from choreo_pipelines.importers.recording import FIRST_NS, lab_module
from choreo_pipelines.importers.tcx import epoch_ns
from choreo_service.clock import NS
from choreo_service.packets import MODALITY_NAMES, Frame
from choreo_service.schemas import present_column
from choreo_service.session import Session, open_session
from choreo_service.session.meta import META_FILE

MAX_GAP_S: Final = 10  # a longer silence is a pause: the heart goes on, but nobody knows what the body did
MIN_BOUT_S: Final = 30  # a shorter stretch says little about a heart

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Bout:
    """A stretch without a pause, one row a second."""

    hr: Array  # [n] bpm, at the end of the second
    effort: Array  # [n] mean over the second


@dataclass(frozen=True, slots=True, eq=False)
class Pace:
    """One kind of effort of one recording."""

    effort: str  # speed, cadence, power or motion_energy
    unit: str
    bouts: tuple[Bout, ...]

    @property
    def seconds(self) -> int:
        return sum(len(bout.hr) for bout in self.bouts)


def read_paces(path: Path) -> list[Pace]:
    """Every kind of effort found in a take, an activity or another recording the importers know.

    Kinds without a stretch of MIN_BOUT_S are left out. ChoreoError when the recording can't be read.
    """
    if (path / META_FILE).is_file():
        found = _of_take(open_session(path))
    else:
        recording = read_source(path)
        activity = {"tcx": _tcx_points, "fit": _fit_points}.get(recording.form)
        found = list(_of_activity(activity(path))) if activity else _of_recording(recording)
    return [pace for pace in found if pace.bouts]


_UNITS: Final = {"speed": "m/s", "cadence": "per minute", "power": "W"}
_MOTION, _HEART = MODALITY_NAMES.index("motion"), MODALITY_NAMES.index("heart")

Point = tuple[float, float, dict[str, float]]  # (epoch seconds, bpm, speed in m/s or distance in m, cadence, power)


def _of_activity(points: Iterable[Point]) -> Iterator[Pace]:
    """`distance` becomes the speed over the second before; what the device gives as speed is taken as it is."""
    columns: dict[str, list[tuple[float, float, float]]] = defaultdict(list)
    for at_s, bpm, efforts in points:
        for name, value in efforts.items():
            if math.isfinite(bpm) and math.isfinite(value):
                columns[name].append((at_s, bpm, value))
    for name, rows in columns.items():
        if name == "distance" and "speed" in columns:
            continue
        effort = "speed" if name == "distance" else name
        yield Pace(effort, _UNITS[effort], tuple(_bouts(np.array(rows), rising=name == "distance")))


def _bouts(rows: Array, *, rising: bool) -> Iterator[Bout]:
    """`rows` [n, 3] are time in s, bpm and effort; a `rising` effort is a sum whose steps are meant."""
    _, first = np.unique(np.floor(rows[:, 0]), return_index=True)
    rows = rows[first]
    for part in np.split(rows, np.flatnonzero(np.diff(rows[:, 0]) > MAX_GAP_S) + 1):
        at_s = np.arange(np.ceil(part[0, 0]), np.floor(part[-1, 0]) + 1)
        if len(at_s) < MIN_BOUT_S:
            continue
        hr, effort = (np.interp(at_s, part[:, 0], part[:, i]) for i in (1, 2))
        # The first second has no second before it: it is taken to be like the next.
        steps = np.diff(effort)
        yield Bout(hr, np.concatenate((steps[:1], steps)) if rising else effort)


def _tcx_points(path: Path) -> Iterator[Point]:
    """Of a file whose times and heart rates the importer has read without complaint."""
    names = {"DistanceMeters": "distance", "Cadence": "cadence", "Speed": "speed", "Watts": "power"}
    root = lab_module("defusedxml.ElementTree").fromstring(read_text(path).encode(), forbid_dtd=True)
    for point in (element for element in root.iter() if _tag(element) == "Trackpoint"):
        texts = {_tag(element): (element.text or "").strip() for element in point.iter()}
        if texts.get("Time") and texts.get("Value"):  # the one Value in a track point is the heart rate's
            efforts = {ours: _number(texts[tag], tag, path) for tag, ours in names.items() if texts.get(tag)}
            yield epoch_ns(texts["Time"], path) / NS, float(texts["Value"]), efforts


def _fit_points(path: Path) -> Iterator[Point]:
    """Of a file the importer has read without complaint."""
    fitdecode = lab_module("fitdecode")
    with warnings.catch_warnings(), fitdecode.FitReader(path) as messages:
        warnings.simplefilter("ignore")  # oddities of single fields we don't use
        for message in messages:
            if not isinstance(message, fitdecode.FitDataMessage) or message.name != "record":
                continue
            fields = {field.name: field.value for field in message.fields}
            fields["speed"] = fields.get("enhanced_speed", fields.get("speed"))
            if hasattr(fields.get("timestamp"), "timestamp") and fields.get("heart_rate") is not None:
                efforts = {n: float(fields[n]) for n in _UNITS if isinstance(fields.get(n), int | float)}
                yield float(fields["timestamp"].timestamp()), float(fields["heart_rate"]), efforts


def _number(text: str, name: str, path: Path) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise SourceError(f"{path}: {name} is {text!r:.40}; expected a number", fix="export it again") from error


def _tag(element: Any) -> str:
    return str(element.tag).rpartition("}")[2]


def _of_recording(recording: Recording) -> list[Pace]:
    return _of_frames(recorded_frames(recording.packets(), start_ns=FIRST_NS))


def _of_take(session: Session) -> list[Pace]:
    """By the take's frames where it has them, else by those its packets give."""
    table = session.frames_table()
    if table is None:
        return _of_frames(frames_of_packets(session))
    table = table.filter(table.column("performer").to_numpy() == 0)
    t_ns, hr, energy, motion, heart = (
        table.column(name).to_numpy()
        for name in ("t_ns", "hr", "motion_energy", present_column("motion"), present_column("heart"))
    )
    return _of_motion(t_ns, hr, energy, motion & heart)


def _of_frames(frames: Iterable[Frame]) -> list[Pace]:
    rows = [
        (f.t_ns, f.heart[0, 0], f.motion[0, 0], bool(f.present[0, _MOTION] and f.present[0, _HEART])) for f in frames
    ]
    if not rows:
        return []
    t_ns, hr, energy, present = zip(*rows, strict=True)
    return _of_motion(np.array(t_ns, np.int64), np.array(hr), np.array(energy), np.array(present, np.bool_))


def _of_motion(
    t_ns: NDArray[np.int64], hr: NDArray[Any], energy: NDArray[Any], present: NDArray[np.bool_]
) -> list[Pace]:
    """Frames as seconds: the last heart rate of each and the mean motion_energy; absent frames are left out."""
    t_ns, hr, energy = t_ns[present], hr[present], energy[present]
    if not len(t_ns):
        return []
    second = (t_ns - t_ns[0]) // NS
    starts = np.concatenate(([0], np.flatnonzero(np.diff(second)) + 1))
    ends = np.append(starts[1:], len(t_ns))
    means = np.add.reduceat(energy.astype(np.float64), starts) / (ends - starts)
    rows = np.column_stack((second[starts].astype(np.float64), hr[ends - 1].astype(np.float64), means))
    return [Pace("motion_energy", "m/s^2", tuple(_bouts(rows, rising=False)))]
