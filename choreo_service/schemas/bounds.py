"""What reading a table may cost, judged by its footer before anything is decoded.

Compression and dictionaries make a small file of whatever repeats itself: a megabyte of text that every row names, or a
list of a million equal numbers, is said once and unfolds in each row of a batch.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from choreo_service.packets import LATENT_DIM, STREAMS
from choreo_service.schemas.pages import Chunk
from choreo_service.schemas.tables import arrow_schema

MAX_ROWS: Final = 50_000_000  # eleven days at 50 Hz; a larger count is a damaged or hostile file
MAX_TABLE_BYTES: Final = 2 << 30  # uncompressed, as the footer declares it
BATCH_ROWS: Final = 8192
NAME_BYTES: Final = 256  # a row in the mean; a name that many rows share stands in the file once
TEXT_BYTES: Final = 4096  # likewise, of the events' text and data
MAX_TEXT_BYTES: Final = 64 << 20  # of one column in one row group

_FEW_ROWS_BYTES: Final = 1 << 20  # what a group of few rows may have besides
_BATCH_TEXT_BYTES: Final = 64 << 20
_LIST_WIDTHS: Final[Mapping[str, int]] = {
    "values": max(stream.width for stream in STREAMS.values()),
    **dict.fromkeys(("z", "z_norm"), LATENT_DIM),
}


def size_faults(metadata: Any) -> Iterator[str]:
    """What a footer (a pyarrow.parquet.FileMetaData) declares of the whole table beyond its bounds, in words."""
    if not 0 <= metadata.num_rows <= MAX_ROWS:
        yield f"rows: expected 0..{MAX_ROWS}, found {metadata.num_rows}"
    sizes = [metadata.row_group(i).total_byte_size for i in range(metadata.num_row_groups)]
    if min(sizes, default=0) < 0 or max(sizes, default=0) > MAX_TABLE_BYTES:
        yield f"row groups: expected at most {MAX_TABLE_BYTES} bytes each, found {min(sizes)}..{max(sizes)}"


def chunk_fault(chunk: Chunk, kind: str) -> str:
    """What the footer declares of a column beyond its bounds, in words; else ""."""
    row_bytes, row_values = _limits(kind).get(chunk.name, (0, 0))
    place = f"column {chunk.name}"
    if row_values and chunk.values > (most := row_values * chunk.rows):
        return f"{place}: expected at most {most} values in {chunk.rows} rows, found {chunk.values}"
    most = min(MAX_TEXT_BYTES, _FEW_ROWS_BYTES + row_bytes * chunk.rows)
    if row_bytes and chunk.unpacked_bytes > most:
        return f"{place}: expected at most {most} bytes of text in {chunk.rows} rows, found {chunk.unpacked_bytes}"
    return ""


def batch_rows(chunks: Iterable[Chunk], kind: str) -> int:
    """How many rows of the table may be decoded at once, however long a text each of them repeats."""
    limits = _limits(kind)
    longest = max((c.unpacked_bytes for c in chunks if limits.get(c.name, (0, 0))[0] == TEXT_BYTES), default=0)
    return max(1, min(BATCH_ROWS, _BATCH_TEXT_BYTES // max(1, longest)))


@functools.cache
def _limits(kind: str) -> Mapping[str, tuple[int, int]]:
    """name of a column -> (bytes of text a row, values a row)"""
    import pyarrow as pa

    limits = {}
    for field in arrow_schema(kind):
        if field.name in _LIST_WIDTHS:
            limits[field.name] = 0, _LIST_WIDTHS[field.name]
        elif pa.types.is_dictionary(field.type):
            limits[field.name] = NAME_BYTES, 1
        elif pa.types.is_string(field.type):
            limits[field.name] = TEXT_BYTES, 1
    return limits
