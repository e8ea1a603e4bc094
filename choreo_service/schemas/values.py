"""Checks on the values of a table: each looks at one property and names the first row that breaks it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from choreo_service.packets import CONTROL_NAMES, MODALITIES, STREAMS
from choreo_service.schemas.tables import age_column

Rule = tuple[str, Callable[[NDArray[Any]], NDArray[np.bool_]]]  # (what is expected, which values break it)


class Check(Protocol):
    def fault(self, batch: Any, first_row: int) -> str:
        """A sentence naming column, row, expected and found, or "". Called once for each batch of a file, in order."""
        ...


def value_checks(kind: str, required: Sequence[str]) -> list[Check]:
    """Fresh checks for one file of `kind`; `required` columns must have no nulls, which is looked at first."""
    checks: list[Check] = [_NoNulls(required), *(_Names(name) for name in _NAMES.get(kind, ()))]
    if kind == "events":
        return checks
    checks.append(_Values("performer", _NOT_NEGATIVE))
    if kind == "sent":
        return [*checks, _Values("value", _FINITE)]
    if kind == "packets":
        return [*checks, _Rising("seq", strictly=True), _Rising("t_ns", strictly=False), _PacketValues()]
    if kind == "accents":
        return [*checks, _Rising("seq", strictly=True), _Rising("t_ns", strictly=False), _Values("strength", _UNIT)]
    checks += [_Rising(name, strictly=True, per_performer=True) for name in ("k", "t_ns")]
    return checks + [_Values(name, rule) for name, rule in _rules(kind).items()]


MAX_NAME: Final = 4096  # characters
MAX_NAMES: Final = 1000  # in one column; a show knows some 130 sources

# What a user or a device chose; the streams of packets are looked up.
_NAMES: Final[Mapping[str, Sequence[str]]] = {
    "packets": ("source_id",),
    "controls": ("mapper",),
    "sent": ("bridge", "control"),
    "events": ("kind",),
}

_NOT_NEGATIVE: Final[Rule] = (">= 0", lambda v: v < 0)
_POSITIVE: Final[Rule] = (">= 1", lambda v: v < 1)
_FINITE: Final[Rule] = ("finite numbers", lambda v: ~np.isfinite(v))
_UNIT: Final[Rule] = ("0..1", lambda v: ~((v >= 0) & (v <= 1)))  # written so that NaN breaks it too
_AGE: Final[Rule] = ("seconds >= 0, or infinity for never", lambda v: ~(v >= 0))


def _rules(kind: str) -> Mapping[str, Rule]:
    if kind == "latents":
        return {"z": _FINITE, "z_norm": _FINITE, "coherence": _UNIT}
    if kind == "controls":
        return {"dk": _POSITIVE, **dict.fromkeys(CONTROL_NAMES, _UNIT)}
    features = {
        column: _UNIT if unit in ("0..1", "cycles") else _FINITE
        for modality in MODALITIES.values()
        for column, unit in zip(modality.columns, modality.units, strict=True)
    }
    return {"dk": _POSITIVE, **features, **{age_column(m): _AGE for m in MODALITIES}}


@dataclass(slots=True)
class _NoNulls:
    columns: Sequence[str]

    def fault(self, batch: Any, first_row: int) -> str:
        empty = [name for name in self.columns if batch.column(name).null_count]
        return f"column {empty[0]}: expected a value in every row, found nulls" if empty else ""


@dataclass(slots=True)
class _Values:
    column: str
    rule: Rule

    def fault(self, batch: Any, first_row: int) -> str:
        expected, breaks = self.rule
        values = _numpy(batch, self.column).reshape(batch.num_rows, -1)
        bad = breaks(values)
        rows = np.flatnonzero(bad.any(axis=1))
        if not rows.size:
            return ""
        return _sentence(self.column, first_row + int(rows[0]), expected, str(values[rows[0]][bad[rows[0]]][0]))


@dataclass(slots=True)
class _Rising:
    """`column` rises within each performer (or over the whole file); equal neighbours pass unless `strictly`."""

    column: str
    strictly: bool
    per_performer: bool = False
    last: dict[int, int] = field(default_factory=dict)

    def fault(self, batch: Any, first_row: int) -> str:
        values = _numpy(batch, self.column)
        owner = _numpy(batch, "performer") if self.per_performer else np.zeros(batch.num_rows, np.int8)
        for performer in np.unique(owner).tolist():
            rows = np.flatnonzero(owner == performer)
            mine = values[rows]
            before = np.concatenate(([self.last.get(performer, np.iinfo(np.int64).min)], mine[:-1]))
            wrong = np.flatnonzero(mine <= before if self.strictly else mine < before)
            if wrong.size:
                expected = "more than before" if self.strictly else "no less than before"
                found = f"{mine[wrong[0]]} after {before[wrong[0]]}"
                return _sentence(self.column, first_row + int(rows[wrong[0]]), expected, found)
            self.last[performer] = int(mine[-1])
        return ""


@dataclass(slots=True)
class _Names:
    """A column of few and short names, as whoever reads a take keeps them all. The first takes lack some of them."""

    column: str
    seen: set[str] = field(default_factory=set)

    def fault(self, batch: Any, first_row: int) -> str:
        if self.column not in batch.schema.names:
            return ""
        names = [name or "" for name in batch.column(self.column).dictionary.to_pylist()]
        if (longest := max(map(len, names), default=0)) > MAX_NAME:
            return f"column {self.column}: expected names of at most {MAX_NAME} characters, found one of {longest}"
        self.seen.update(names)
        if len(self.seen) > MAX_NAMES:
            return f"column {self.column}: expected at most {MAX_NAMES} different names, found more"
        return ""


class _PacketValues:
    """Every stream is known and has as many finite values as STREAMS gives it."""

    def fault(self, batch: Any, first_row: int) -> str:
        column = batch.column("stream")
        names = column.dictionary.to_pylist()
        widths = np.array([STREAMS[n].width if n in STREAMS else -1 for n in names] or [-1])
        expected = widths[column.indices.to_numpy(zero_copy_only=False)]
        found = batch.column("values").value_lengths().to_numpy(zero_copy_only=False)
        for row in np.flatnonzero(expected != found).tolist():
            name = column[row].as_py()
            if name not in STREAMS:
                return _sentence("stream", first_row + row, f"one of {', '.join(STREAMS)}", str(name))
            return _sentence("values", first_row + row, f"{expected[row]} numbers for {name}", str(found[row]))
        values = _numpy(batch, "values")
        bad = np.flatnonzero(~np.isfinite(values))
        if not bad.size:
            return ""
        row = int(np.searchsorted(np.cumsum(found), bad[0], side="right"))
        return _sentence("values", first_row + row, "finite numbers", str(values[bad[0]]))


def _sentence(column: str, row: int, expected: str, found: str) -> str:
    return f"column {column}, row {row}: expected {expected}, found {found}"


def _numpy(batch: Any, column: str) -> NDArray[Any]:
    """A column as an array, lists flattened row by row."""
    array = batch.column(column)
    flat: NDArray[Any] = (array.flatten() if hasattr(array, "flatten") else array).to_numpy(zero_copy_only=False)
    return flat
