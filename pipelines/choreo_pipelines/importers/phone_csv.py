"""CSV of phone loggers: one file with all sensors (Android loggers, SensorLog) or a folder with one file a sensor
(phyphox, Sensor Logger)."""

from __future__ import annotations

import csv
import math
from array import array
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Final, Protocol

import numpy as np

from choreo_pipelines.importers.columns import TIME, UNITS, Mapped, map_columns, stated_unit, time_columns
from choreo_pipelines.importers.reading import read_lines
from choreo_pipelines.importers.recording import Options, Recording, SourceError, Track, track
from choreo_pipelines.importers.time_axis import TimeAxis, read_times
from choreo_service.packets import MODALITIES, STREAMS


def read_phone_csv(path: Path, options: Options) -> Recording:
    """A CSV file, or a folder of them that share one clock. SourceError says what is missing, with the line."""
    files = sorted(path.glob("*.csv")) if path.is_dir() else [path]
    tables: list[_Table] = []
    owners: dict[str, Path] = {}
    for file in files:
        table = _read_table(file, options, alone=not path.is_dir())
        if table is not None:
            tables.append(table)
            _claim(owners, table)
    if not tables:
        raise SourceError(f"no CSV in {path} has motion or heart columns", fix=_COLUMNS_FIX)
    tracks = {found.stream: found for table in tables for found in table.tracks}
    notes = [note if len(tables) == 1 else f"{table.path.name}: {note}" for table in tables for note in table.notes]
    if not tracks:
        raise SourceError(f"{path} has no complete row: {'; '.join(notes)}", fix="export the recording again")
    walls = {table.time.wall for table in tables}
    if len(walls) > 1:
        raise SourceError(f"the files in {path} don't share one clock: some have dates, some not", fix=_COLUMNS_FIX)
    ignored = [name for table in tables for name in table.ignored]
    ignored += [file.name for file in files if file not in {table.path for table in tables}]
    return Recording("csv", path.stem, tuple(tracks.values()), walls.pop(), (), tuple(ignored), tuple(notes))


@dataclass(frozen=True, slots=True)
class _Table:
    path: Path
    time: TimeAxis
    tracks: list[Track]
    ignored: list[str]
    notes: list[str]


_MAX_ROWS: Final = 10_000_000  # a day of a phone at 100 Hz
_COLUMNS_FIX: Final = "name the columns: --columns time=t --columns acceleration=ax,ay,az --unit acceleration=g"


def _claim(owners: dict[str, Path], table: _Table) -> None:
    """Each stream has one owner in a recording; a folder where two files hold it is a pile of recordings."""
    for found in table.tracks:
        if (other := owners.setdefault(found.stream, table.path)) != table.path:
            raise SourceError(
                f"{other.parent} holds several recordings: {found.stream} is in {other.name} and {table.path.name}",
                fix=f"import one at a time: choreo-lab import {other}",
            )


def _read_table(path: Path, options: Options, *, alone: bool) -> _Table | None:
    """One file; None for one without a stream, unless it is the only one: then SourceError."""
    lines = read_lines(path)
    head = list(islice(lines, 2))
    delimiter, comma = _dialect(head)
    rows = csv.reader(chain(head, lines), delimiter=delimiter)
    with _readable(path, rows):
        header = [cell.strip() for cell in next(iter(rows), [])]
    mapped, unused, notes = map_columns(header, path.stem, options)
    times = time_columns(header, options)
    if not mapped or not times:
        if not alone:
            return None
        lacking = "time column" if mapped else "motion or heart columns"
        raise SourceError(f"{path} has no {lacking}; found: {', '.join(header) or 'nothing'}", fix=_COLUMNS_FIX)
    kept = _Rows(path, header, [times[0], *(i for m in mapped for i in m.columns)], comma)
    kept.read(rows)
    notes += kept.notes
    time = read_times(
        kept.text,
        path,
        stated=stated_unit(header[times[0]]),
        chosen=options.units.get(TIME, ""),
        expected_hz=max(MODALITIES[STREAMS[m.stream].modality].expected_hz for m in mapped),
    )
    notes.append(f"time: {header[times[0]]} in {time.unit}")
    tracks = []
    for m in mapped:
        found, remarks = track(
            m.stream, time.at_ns, np.stack([kept.numbers[i] for i in m.columns], 1) * m.factor, m.unit
        )
        tracks += [found] if found else []
        notes += remarks
        notes += _doubts(found, m) if found else []
    return _Table(path, time, tracks, [header[i] for i in unused], notes)


class _Reader(Protocol):
    """What csv.reader gives."""

    line_num: int

    def __iter__(self) -> Iterator[list[str]]: ...


@contextmanager
def _readable(path: Path, rows: _Reader) -> Iterator[None]:
    """What is no CSV, a cell of a megabyte say, is told with its line."""
    try:
        yield
    except csv.Error as error:
        raise SourceError(
            f"{path}, line {rows.line_num}, is no CSV: {error}",
            fix="say what the file is (--as tcx, fit or e4), or export the recording again",
        ) from error


class _Rows:
    """The wanted columns of a CSV: the time as text, the rest as numbers, NaN where a cell is empty."""

    def __init__(self, path: Path, header: Sequence[str], wanted: Sequence[int], comma: bool) -> None:
        self.path, self.header, self.comma = path, header, comma
        self.time_column, *number_columns = wanted
        self.text: list[str] = []
        self._numbers = {i: array("d") for i in number_columns}
        self._untimed = 0

    def read(self, rows: _Reader) -> None:
        with _readable(self.path, rows):
            self._read(rows)
        if not self.text:
            raise SourceError(f"{self.path} has a header and no row", fix="export the recording again")

    def _read(self, rows: _Reader) -> None:
        for row in rows:
            time = row[self.time_column].strip() if self.time_column < len(row) else ""
            if not time:
                self._untimed += any(row)
                continue
            if len(self.text) == _MAX_ROWS:
                raise SourceError(f"{self.path} has more than {_MAX_ROWS} rows", fix="split it first")
            self.text.append(time.replace(",", ".") if self.comma else time)
            for i, column in self._numbers.items():
                column.append(self._number(row[i] if i < len(row) else "", i, rows.line_num))

    @property
    def numbers(self) -> dict[int, np.ndarray[tuple[int], np.dtype[np.float64]]]:
        return {i: np.frombuffer(column) for i, column in self._numbers.items()}

    @property
    def notes(self) -> list[str]:
        return [f"{self._untimed} rows without a time left out"] if self._untimed else []

    def _number(self, cell: str, i: int, line: int) -> float:
        if self.comma:
            cell = cell.replace(",", ".")
        try:
            return float(cell) if cell.strip() else math.nan
        except ValueError as error:
            raise SourceError(
                f"{self.path}, line {line}: {self.header[i]} is {cell!r:.40}; expected a number",
                fix="mend or delete the line, or leave the column out: --columns names those to take",
            ) from error


def _dialect(lines: Sequence[str]) -> tuple[str, bool]:
    """(delimiter, whether numbers have a decimal comma), as the spreadsheet programs of the world write CSV."""
    header = lines[0] if lines else ""
    delimiter = max(",;\t", key=header.count)
    return delimiter, delimiter != "," and len(lines) > 1 and "," in lines[1]


_LIKELY: Final = {"g": (0.5, 2.0), "m/s^2": (5.0, 20.0)}  # half to twice what a body at rest measures


def _doubts(found: Track, mapped: Mapped) -> list[str]:
    """Every unit is checked where the Earth gives the answer: gravity is in every acceleration."""
    if found.stream not in ("acceleration", "gravity"):
        return []
    length = float(np.median(np.linalg.norm(found.values, axis=1))) / mapped.factor  # as the file has it
    unit = next((unit for unit, (low, high) in _LIKELY.items() if low < length < high), None)
    if unit is None or UNITS["acceleration"][unit] == mapped.factor:
        return []
    read_as = mapped.unit.split(" (")[0]
    return [
        f"{found.stream} was read as {read_as} and is mostly {length:.2f} long, as if in {unit}; "
        f"if so: --unit {found.stream}={unit}"
    ]
