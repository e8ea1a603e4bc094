"""Reading and checking one Parquet file of a take. Every failure is a SessionError that says what was found."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from choreo_service.errors import SessionError
from choreo_service.schemas.tables import ADDED_LATER, KIND_KEY, VERSION_KEY, arrow_schema
from choreo_service.schemas.values import value_checks

MAX_ROWS: Final = 50_000_000  # eleven days at 50 Hz; a larger count is a damaged or hostile file
MAX_TABLE_BYTES: Final = 2 << 30  # uncompressed, as the footer declares it
BATCH_ROWS: Final = 8192

_FIX: Final = "use an intact copy of the take, or import its source again: choreo-lab import SOURCE"


def open_table(path: Path, kind: str) -> Any:
    """A pyarrow.parquet.ParquetFile whose footer, schema and declared size have been checked; no row is read.

    Page checksums are verified while reading: without them most single-bit errors come back as data.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path, page_checksum_verification=True)
        schema, metadata = file.schema_arrow, file.metadata
    except (OSError, ValueError, pa.ArrowException) as error:
        raise damaged(path, error) from error
    if faults := [*_schema_faults(schema, kind), *_size_faults(metadata)]:
        file.close()
        raise _refused(path.name, faults)
    return file


def batches(path: Path, kind: str) -> Iterator[Any]:
    """The rows of a file as pyarrow.RecordBatch of at most BATCH_ROWS, every value checked before it is handed out.

    Raises SessionError naming the file, the column, what was expected and what was found. Memory: one row group.
    """
    import pyarrow as pa

    with open_table(path, kind) as file:
        try:
            # One thread: a take may be read beside a running show.
            yield from _checked(file.iter_batches(BATCH_ROWS, use_threads=False), path.name, kind)
        except (OSError, ValueError, pa.ArrowException) as error:
            raise damaged(path, error) from error


def read_table(path: Path, kind: str) -> Any:
    """The whole file as a pyarrow.Table, checked like `batches`; SessionError if it needs more than MAX_TABLE_BYTES."""
    import pyarrow as pa

    with open_table(path, kind) as file:
        metadata, schema = file.metadata, file.schema_arrow
    size = sum(metadata.row_group(i).total_byte_size for i in range(metadata.num_row_groups))
    if size > MAX_TABLE_BYTES:
        raise _refused(path.name, [f"size in memory: expected at most {MAX_TABLE_BYTES} bytes, found {size}"])
    return pa.Table.from_batches(batches(path, kind), schema)


def validate(source: Any, kind: str) -> int:
    """Check a Parquet file (Path) or a pyarrow.Table against `kind`, every value included; returns the number of rows.

    Raises SessionError as `batches` does.
    """
    if isinstance(source, Path):
        rows = batches(source, kind)
    else:
        name = f"{kind} table"
        if faults := [*_schema_faults(source.schema, kind)]:
            raise _refused(name, faults)
        rows = _checked(source.to_batches(max_chunksize=BATCH_ROWS), name, kind)
    return sum(batch.num_rows for batch in rows)


def damaged(path: Path, error: Exception) -> SessionError:
    """The SessionError for a file Arrow can't read."""
    found = (str(error).strip() or type(error).__name__).splitlines()[0]
    return SessionError(f"{path.name} is damaged: expected a complete Parquet file, found: {found}", fix=_FIX)


def _checked(rows: Iterable[Any], name: str, kind: str) -> Iterator[Any]:
    checks = value_checks(kind, [field.name for field in arrow_schema(kind) if not field.nullable])
    first_row = 0
    for batch in rows:
        for check in checks:
            if fault := check.fault(batch, first_row):
                raise _refused(name, [fault])
        first_row += batch.num_rows
        yield batch


def _schema_faults(found: Any, kind: str) -> Iterator[str]:
    expected = arrow_schema(kind)
    metadata = found.metadata or {}
    for key in (KIND_KEY, VERSION_KEY):
        want, have = expected.metadata[key.encode()], metadata.get(key.encode(), b"nothing")
        if want != have:
            yield f"metadata {key}: expected {want.decode()}, found {have.decode(errors='replace')}"
    for field in expected:
        count = found.names.count(field.name)
        if count == 0 and field.name in ADDED_LATER:
            continue
        if count != 1:
            yield f"column {field.name}: expected {field.type}, found {count} columns of that name"
        elif (have := found.field(field.name).type) != field.type:
            yield f"column {field.name}: expected {field.type}, found {have}"


def _size_faults(metadata: Any) -> Iterator[str]:
    """What the footer declares is checked before anything is allocated for it."""
    if not 0 <= metadata.num_rows <= MAX_ROWS:
        yield f"rows: expected 0..{MAX_ROWS}, found {metadata.num_rows}"
    sizes = [metadata.row_group(i).total_byte_size for i in range(metadata.num_row_groups)]
    if min(sizes, default=0) < 0 or max(sizes, default=0) > MAX_TABLE_BYTES:
        yield f"row groups: expected at most {MAX_TABLE_BYTES} bytes each, found {min(sizes)}..{max(sizes)}"


def _refused(name: str, faults: Sequence[str]) -> SessionError:
    return SessionError(f"{name} can't be used: " + "; ".join(faults), fix=_FIX)
