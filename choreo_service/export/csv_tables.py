"""A take as CSV: one file a table, with the seconds since the take's start in front."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from choreo_service.clock import NS
from choreo_service.session import Session


def to_csv(session: Session, folder: Path) -> list[Path]:
    """Write TABLE.csv for each table into a new folder; the files written. FileExistsError when it is there."""
    import pyarrow.csv as pc

    folder.mkdir(parents=True)
    start_ns = _start_ns(session)
    files = []
    for kind in session.kinds:
        files.append(folder / f"{kind}.csv")
        pc.write_csv(_flat(session.table(kind), start_ns), files[-1])
    return files


def _start_ns(session: Session) -> int:
    """When the first thing happened that a table tells."""
    columns = [session.table(kind).column("t_ns") for kind in session.kinds]
    return min((int(column[0].as_py()) for column in columns if len(column)), default=0)


def _flat(table: Any, start_ns: int) -> Any:
    import pyarrow as pa

    seconds = (table.column("t_ns").to_numpy() - start_ns) / NS
    columns = {"t_s": pa.array(seconds)}
    for name in table.column_names:
        columns |= _columns(name, table.column(name).combine_chunks())
    return pa.table(columns)


def _columns(name: str, column: Any) -> dict[str, Any]:
    """One column, or one for each place of a list."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_dictionary(column.type):
        return {name: column.cast(pa.string())}
    if not pa.types.is_nested(column.type):
        return {name: column}
    width = max(pc.list_value_length(column).to_pylist(), default=0)
    return {f"{name}_{i + 1}": pa.array(_places(column, i)) for i in range(width)}


def _places(column: Any, i: int) -> Iterator[float | None]:
    for values in column.to_pylist():
        yield values[i] if i < len(values) else None
