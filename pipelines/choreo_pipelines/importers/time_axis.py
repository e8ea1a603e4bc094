"""What the time column of a CSV means: seconds, ms, µs or ns, since 1970 or since some start of its own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from choreo_pipelines.importers.recording import SourceError
from choreo_pipelines.importers.tcx import epoch_ns

TIME_UNITS: Final = {"s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "µs": 1_000, "ns": 1}
EPOCH_S: Final = (1e9, 1e10)  # 2001 to 2286


@dataclass(frozen=True, slots=True, eq=False)
class TimeAxis:
    """Times of all rows."""

    at_ns: NDArray[np.int64]  # [n] since 1970 or since a start of its own
    wall: bool  # since 1970
    unit: str  # the unit and how it is known, for people


def read_times(cells: Sequence[str], path: Path, *, stated: str, chosen: str, expected_hz: float) -> TimeAxis:
    """Times from the text of a column.

    `chosen` is the user's unit, `stated` the one in the column's name. Without either, a value in the range of epoch
    times tells its unit; else the unit is taken that brings the usual step closest to `expected_hz`.
    """
    if not _is_number(cells[0]):
        return TimeAxis(np.array([epoch_ns(cell, path) for cell in cells], np.int64), True, "date and time (column)")
    numbers = _numbers(cells, path)
    unit, how = _unit(numbers, stated, chosen, expected_hz)
    wall = _is_epoch(numbers[0], unit)
    return TimeAxis(_to_ns(cells, numbers, TIME_UNITS[unit]), wall, f"{unit} ({how})")


def _numbers(cells: Sequence[str], path: Path) -> NDArray[np.float64]:
    numbers = np.array([float(cell) if _is_number(cell) else math.nan for cell in cells])
    if (wrong := np.flatnonzero(~np.isfinite(numbers))).size:
        raise SourceError(
            f"{path}: {cells[wrong[0]]!r:.40} in the time column; expected a number",
            fix="mend or delete the line, or choose another column: --columns time=NAME",
        )
    return numbers


def _unit(numbers: NDArray[np.float64], stated: str, chosen: str, expected_hz: float) -> tuple[str, str]:
    if chosen:
        if chosen not in TIME_UNITS:
            raise SourceError(f"time in {chosen!r}: expected one of {', '.join(TIME_UNITS)}", fix="--unit time=ms")
        return chosen, "as you said"
    if stated.strip().lower() in TIME_UNITS:
        return stated.strip().lower(), "column name"
    for unit in TIME_UNITS:
        if _is_epoch(numbers[0], unit):
            return unit, "since 1970"
    steps = np.diff(numbers)
    step = float(np.median(steps[steps > 0])) if (steps > 0).any() else 0.0
    if not step:
        raise SourceError("the time column never advances", fix="choose another: --columns time=NAME")

    def distance(unit: str) -> float:
        return abs(math.log(step * TIME_UNITS[unit] / 1e9 * expected_hz))

    unit = min(TIME_UNITS, key=distance)
    return unit, f"judged by steps of {step:g}; if wrong: --unit time=..."


def _is_epoch(value: float, unit: str) -> bool:
    return EPOCH_S[0] <= value * (TIME_UNITS[unit] / 1e9) < EPOCH_S[1]


def _to_ns(cells: Sequence[str], numbers: NDArray[np.float64], unit_ns: int) -> NDArray[np.int64]:
    """Exact for whole numbers: epoch nanoseconds don't fit a float."""
    if np.abs(numbers).max() * unit_ns >= _LATEST_NS:
        raise SourceError("the time column leaves the range of dates", fix="--unit time=... (s, ms, us or ns)")
    try:
        return np.array([int(cell) for cell in cells], np.int64) * unit_ns
    except ValueError:
        whole = np.floor(numbers)
        fraction = np.round((numbers - whole) * unit_ns).astype(np.int64)
        ns: NDArray[np.int64] = whole.astype(np.int64) * unit_ns + fraction
        return ns


_LATEST_NS: Final = float(np.iinfo(np.int64).max)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
