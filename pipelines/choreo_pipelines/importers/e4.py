"""Empatica E4 export: a folder of CSV files, each with its own start time and rate in its first rows.

ACC.csv holds 1/64 g at 32 Hz, HR.csv bpm at 1 Hz (an average that starts 10 s late), IBI.csv the time of each heart
beat that was seen and the interval before it. tags.csv holds the moments the button was pressed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from choreo_adapters.osc.presets import STANDARD_GRAVITY
from choreo_pipelines.importers.reading import read_text
from choreo_pipelines.importers.recording import Options, Recording, SourceError, Track, track
from choreo_service.clock import NS

FILES: Final = {"ACC.csv": "acceleration", "HR.csv": "heart_rate", "IBI.csv": "rr_interval"}


def looks_like_e4(folder: Path) -> bool:
    return any((folder / name).is_file() for name in FILES)


def read_e4(folder: Path, options: Options) -> Recording:
    """The recording in `folder`; SourceError names file and row. No option applies: the format is fixed."""
    readers = {"ACC.csv": _acceleration, "HR.csv": _heart_rate, "IBI.csv": _intervals}
    tracks: list[Track] = []
    notes: list[str] = []
    for name, reader in readers.items():
        if (folder / name).is_file():
            found, remarks = reader(folder / name)
            tracks += [found] if found else []
            notes += remarks
    if not tracks:
        raise SourceError(f"{folder} has no sample in {', '.join(FILES)}", fix="choose another export")
    tag_files = sorted(folder.glob("tags*.csv"))
    markers = [(at_ns, f"tag {i + 1}") for file in tag_files for i, at_ns in enumerate(_tags(file))]
    used = {*FILES, *(file.name for file in tag_files)}
    ignored = tuple(sorted(file.name for file in folder.glob("*.csv") if file.name not in used))
    return Recording("e4", folder.resolve().name, tuple(tracks), True, tuple(markers), ignored, tuple(notes))


_COUNTS_PER_G: Final = 64.0


def _acceleration(path: Path) -> tuple[Track | None, list[str]]:
    rows = _numbers(path, read_text(path).splitlines(), 3)
    return track("acceleration", _regular(path, rows), rows[2:] / _COUNTS_PER_G * STANDARD_GRAVITY, "1/64 g (format)")


def _heart_rate(path: Path) -> tuple[Track | None, list[str]]:
    rows = _numbers(path, read_text(path).splitlines(), 1)
    return track("heart_rate", _regular(path, rows), rows[2:], "bpm (format)")


def _intervals(path: Path) -> tuple[Track | None, list[str]]:
    lines = read_text(path).splitlines()
    start = _numbers(path, [line.split(",")[0] for line in lines[:1]], 1)
    beats = _numbers(path, lines[1:], 2) if len(lines) > 1 else np.empty((0, 2))
    return track("rr_interval", _ns(start[0, 0]) + _ns(beats[:, 0]), beats[:, 1], "s (format)")


def _tags(path: Path) -> list[int]:
    lines = read_text(path).split()
    return [int(at_ns) for at_ns in _ns(_numbers(path, lines, 1)[:, 0])] if lines else []


def _regular(path: Path, rows: NDArray[np.float64]) -> NDArray[np.int64]:
    """Times of samples from the two header rows: start in epoch seconds, rate in Hz."""
    if len(rows) < 2 or not np.isfinite(rows[:2]).all() or not rows[1, 0] > 0:
        raise SourceError(
            f"{path} has no header; expected the start in epoch seconds, then the rate in Hz",
            fix="use the untouched export; for other CSV files: choreo-lab import FILE --as csv",
        )
    at: NDArray[np.int64] = _ns(rows[0, 0]) + _ns(np.arange(len(rows) - 2) / rows[1, 0])
    return at


def _numbers(path: Path, lines: list[str], width: int) -> NDArray[np.float64]:
    """[n, width]; SourceError with the row where something else stands."""
    if not any(line.strip() for line in lines):
        raise SourceError(f"{path} is empty", fix="export the recording again")
    try:
        rows = np.loadtxt(lines, delimiter=",", ndmin=2)
    except ValueError as error:
        raise SourceError(f"{path}: expected numbers, found: {error}", fix="use the untouched export") from error
    if rows.shape[1] != width:
        raise SourceError(f"{path} has {rows.shape[1]} columns; expected {width}", fix="use the untouched export")
    return rows


def _ns(seconds: float | NDArray[np.float64]) -> NDArray[np.int64]:
    """Whole nanoseconds. The whole seconds go first: a float has no room for both epoch seconds and nanoseconds."""
    whole = np.floor(seconds)
    ns: NDArray[np.int64] = np.asarray(whole, np.int64) * NS + np.round((seconds - whole) * NS).astype(np.int64)
    return ns
