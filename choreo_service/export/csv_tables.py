"""A take as CSV: one file a table, with the seconds since the take's start in front."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from choreo_service.clock import NS
from choreo_service.export.new_file import new_folder
from choreo_service.schemas import arrow_schema
from choreo_service.session import Session


def to_csv(session: Session, folder: Path) -> list[Path]:
    """Write TABLE.csv for each table into a new folder, which is there whole or not at all; the files written.
    FileExistsError when something is there already.

    A batch of rows at a time, whatever the length of the take.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    names = [f"{kind}.csv" for kind in session.kinds]
    with new_folder(folder) as draft:
        start_ns = _start_ns(session)
        for kind, name in zip(session.kinds, names, strict=True):
            _write(session, kind, start_ns, draft / name)
    return [folder / name for name in names]


def _write(session: Session, kind: str, start_ns: int, path: Path) -> None:
    import pyarrow as pa
    import pyarrow.csv as pc

    widths = _widths(session, kind)
    batches = session.batches(kind)
    first = next(batches, pa.RecordBatch.from_pylist([], arrow_schema(kind)))
    path.touch(mode=0o600)
    with pc.CSVWriter(path, _flat(first, widths, start_ns).schema) as file:
        for batch in chain((first,), batches):
            file.write_batch(_flat(batch, widths, start_ns))


def _start_ns(session: Session) -> int:
    """When the first thing happened that a table tells."""
    firsts = (next(session.batches(kind), None) for kind in session.kinds)
    return min((int(batch.column("t_ns")[0].as_py()) for batch in firsts if batch is not None), default=0)


def _widths(session: Session, kind: str) -> Mapping[str, int]:
    """How many places the longest list of each column of lists has."""
    import pyarrow as pa
    import pyarrow.compute as pc

    nested = [field.name for field in arrow_schema(kind) if pa.types.is_nested(field.type)]
    widths = dict.fromkeys(nested, 0)
    for batch in session.batches(kind) if nested else ():
        for name in nested:
            widths[name] = max(widths[name], pc.max(pc.list_value_length(batch.column(name))).as_py() or 0)
    return widths


def _flat(batch: Any, widths: Mapping[str, int], start_ns: int) -> Any:
    import pyarrow as pa

    columns = {"t_s": pa.array((batch.column("t_ns").to_numpy() - start_ns) / NS)}
    for name in batch.schema.names:
        column = batch.column(name)
        if name in widths:
            columns |= {f"{name}_{i + 1}": place for i, place in enumerate(_places(column, widths[name]))}
        else:
            columns[name] = column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column
    return pa.record_batch(columns)


def _places(column: Any, width: int) -> Iterator[Any]:
    """A column of lists as one column for each place; null where a list is shorter."""
    import pyarrow as pa
    import pyarrow.compute as pc

    lengths = pc.list_value_length(column).to_numpy(zero_copy_only=False)
    begins = np.cumsum(lengths) - lengths
    values = column.flatten().to_numpy(zero_copy_only=False)
    for i in range(width):
        there = lengths > i
        places = np.zeros(len(lengths), values.dtype)
        places[there] = values[begins[there] + i]
        yield pa.array(places, mask=~there)
