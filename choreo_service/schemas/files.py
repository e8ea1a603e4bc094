"""Reading and checking one Parquet file of a take. Every failure is a SessionError that says what was found."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from choreo_service.errors import SessionError
from choreo_service.schemas.bounds import BATCH_ROWS, MAX_TABLE_BYTES, batch_rows, chunk_fault, size_faults
from choreo_service.schemas.pages import Chunk, check_footer, page_fault, read_chunks
from choreo_service.schemas.tables import ADDED_LATER, KIND_KEY, VERSION_KEY, arrow_schema
from choreo_service.schemas.values import value_checks

_BUFFER_BYTES: Final = 1 << 20
_FOOTER_STRING: Final = 1 << 20  # bytes; Arrow's schema, the longest, has some thousand
_FOOTER_LIST: Final = 1 << 16  # row groups; MAX_ROWS as we write them are 6,104
_FIX: Final = "use an intact copy of the take, or import its source again: choreo-lab import SOURCE"


def open_table(path: Path, kind: str) -> Any:
    """A pyarrow.parquet.ParquetFile whose footer, schema and declared size have been checked; no row is read.

    Page checksums are verified while reading: without them most single-bit errors come back as data.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with path.open("rb") as unread:
            check_footer(unread)
        file = pq.ParquetFile(
            path,
            page_checksum_verification=True,
            # A piece at a time: else the whole file is in memory when its first row is.
            pre_buffer=False,
            buffer_size=_BUFFER_BYTES,
            thrift_string_size_limit=_FOOTER_STRING,
            thrift_container_size_limit=_FOOTER_LIST,
        )
        schema, metadata = file.schema_arrow, file.metadata
    except (OSError, ValueError, pa.ArrowException) as error:
        raise damaged(path, error) from error
    if faults := [*_schema_faults(schema, kind), *size_faults(metadata)]:
        file.close()
        raise _refused(path.name, faults)
    return file


def batches(path: Path, kind: str) -> Iterator[Any]:
    """The rows of a file as pyarrow.RecordBatch of at most BATCH_ROWS, every value checked before it is handed out.

    Raises SessionError naming the file, the column, what was expected and what was found. Memory: one batch and a page
    of each column.
    """
    import pyarrow as pa

    with open_table(path, kind) as file:
        try:
            chunks = _judged(path, kind)
            # One thread: a take may be read beside a running show.
            rows = file.iter_batches(batch_rows(chunks, kind), columns=_known(file, kind), use_threads=False)
            yield from _checked(_sound(rows), path.name, kind)
        except (OSError, ValueError, pa.ArrowException) as error:
            raise damaged(path, error) from error


def read_table(path: Path, kind: str) -> Any:
    """The whole file as a pyarrow.Table, checked like `batches`; SessionError if it needs more than MAX_TABLE_BYTES."""
    import pyarrow as pa

    with open_table(path, kind) as file:
        metadata, schema = file.metadata, file.schema_arrow
        schema = pa.schema([schema.field(name) for name in _known(file, kind)], schema.metadata)
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


def _judged(path: Path, kind: str) -> list[Chunk]:
    """The columns of all row groups, once none of them and of their pages declares more than it may."""
    with path.open("rb") as file:
        chunks = read_chunks(file)
        if fault := next(filter(None, (chunk_fault(chunk, kind) for chunk in chunks)), "") or page_fault(file, chunks):
            raise _refused(path.name, [fault])
    return chunks


def _sound(rows: Iterable[Any]) -> Iterator[Any]:
    """Arrow takes a file's word for its offsets and for the places of names in their dictionaries."""
    for batch in rows:
        batch.validate(full=True)
        yield batch


def _known(file: Any, kind: str) -> list[str]:
    """The columns of the table that the file has; what other programs added is not even decoded."""
    known = arrow_schema(kind).names
    return [name for name in file.schema_arrow.names if name in known]


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


def _refused(name: str, faults: Sequence[str]) -> SessionError:
    return SessionError(f"{name} can't be used: " + "; ".join(faults), fix=_FIX)
