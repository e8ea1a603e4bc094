"""The sizes that columns and pages of a Parquet file declare: a reader believes them and allocates before it unpacks.

The footer may say something else than the pages, so both are read. Format: parquet.thrift of the Parquet format.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import BinaryIO, Final, NamedTuple

from choreo_service.schemas.thrift import Fields, read_struct

MAX_PAGE_BYTES: Final = 32 << 20  # unpacked; writers end a page at about a megabyte
MAX_FOOTER_BYTES: Final = 32 << 20  # MAX_ROWS as we write them have 21 million
SMALL_FOOTER_BYTES: Final = 1 << 19  # Arrow needs some 240 times as much memory at worst: little enough
MAX_PAGES: Final = 1 << 19  # of a table, as each is looked at; MAX_ROWS as we write them are 330,000
PAGE_VALUES: Final = 64  # at least, in the mean; writers look every 100 or 1024 values whether a page is full
FEW_PAGES: Final = 4  # of a column in a row group whatever they hold: a dictionary, what came before and after, a rest


class Chunk(NamedTuple):
    """One column in one row group, as the footer describes it."""

    name: str  # of the table's column
    group: int
    rows: int
    values: int
    unpacked_bytes: int
    packed_bytes: int
    at: int  # where its first page begins


class Header(NamedTuple):
    """What a page says of itself."""

    length: int  # of the header
    unpacked_bytes: int
    packed_bytes: int
    values: int  # 0 for a dictionary
    entries: int  # of a dictionary, else 0


def check_footer(file: BinaryIO) -> None:
    """ValueError where Arrow had better not read the footer: it keeps some 700 bytes of what three in it may say.
    Whether there is one is for Arrow to say."""
    end = file.seek(0, 2) - 8
    if end < 0:
        return
    _, length = _footer(file)
    if MAX_FOOTER_BYTES < length <= end:
        raise ValueError(f"a footer of {length} bytes, more than {MAX_FOOTER_BYTES}")
    if SMALL_FOOTER_BYTES < length <= end:
        read_chunks(file)


def read_chunks(file: BinaryIO) -> list[Chunk]:
    """Every column of every row group of a Parquet file; ValueError where its footer can't be read."""
    end, length = _footer(file)
    file.seek(max(0, end - length))
    try:
        footer, _ = read_struct(file.read(length), {4: {1: _column}})
        chunks = [Chunk(name, i, int(group[3]), *of) for i, group in enumerate(footer[4]) for name, *of in group[1]]
    except (KeyError, IndexError, TypeError, AttributeError):
        raise ValueError("a footer that describes no columns") from None
    # Else a thousand columns could name the same pages, and each would have them walked through again.
    if (packed := sum(max(0, chunk.packed_bytes) for chunk in chunks)) > end:
        raise ValueError(f"a footer with {packed} bytes of columns in a file of {end + 8}")
    return chunks


def headers(file: BinaryIO, chunk: Chunk) -> Iterator[Header]:
    """Those of the pages of a chunk, in the order they are read in; ValueError where there is none."""
    at = chunk.at
    while at < chunk.at + chunk.packed_bytes:
        file.seek(at)
        header = _header(file.read(_MOST_BYTES))
        yield header
        at += header.length + max(0, header.packed_bytes)


def page_fault(file: BinaryIO, chunks: Iterable[Chunk]) -> str:
    """The first thing in words that a page of a table declares beyond its bounds or beyond what the footer says; else
    "". Whatever the file holds, at most MAX_PAGES of them are looked at."""
    looks = (fault for chunk in chunks for fault in _faults(file, chunk))
    for count, fault in enumerate(looks, 1):
        if fault:
            return fault
        if count > MAX_PAGES:
            return f"expected at most {MAX_PAGES} pages, found more"
    return ""


def _footer(file: BinaryIO) -> tuple[int, int]:
    """(where it ends, how many bytes it says it has)"""
    return file.seek(-8, 2), int.from_bytes(file.read(4), "little")


_MOST_BYTES: Final = 1 << 14  # of a header, with the statistics that a page may carry


def _column(column: Fields) -> tuple[str, int, int, int, int]:
    """(name, values, unpacked bytes, packed bytes, where its first page begins)"""
    told = column[3]
    at, dictionary = int(told[9]), int(told.get(11, 0))
    name = told[3][0].decode("utf-8", "replace")
    return name, int(told[5]), int(told[6]), int(told[7]), dictionary if 0 < dictionary < at else at


def _header(data: bytes) -> Header:
    fields, length = read_struct(data)
    try:
        values = sum(int(fields.get(part, {}).get(1, 0)) for part in (5, 8))  # a data page of either version
        return Header(length, int(fields[2]), int(fields[3]), values, int(fields.get(7, {}).get(1, 0)))
    except (KeyError, TypeError, AttributeError):
        raise ValueError("a page without a header") from None


def _faults(file: BinaryIO, chunk: Chunk) -> Iterator[str]:
    """For each page of a chunk what is wrong with it, "" for nothing; at the end what is wrong with all of them."""
    values, place = 0, f"column {chunk.name}, row group {chunk.group}"
    for count, header in enumerate(headers(file, chunk), 1):
        values += header.values
        yield _fault(header, chunk, place) or (
            f"{place}: expected at least {PAGE_VALUES} values a page, found {values} in {count} pages"
            if count > FEW_PAGES + values // PAGE_VALUES
            else ""
        )
    if values != chunk.values:
        yield f"{place}: expected {chunk.values} values, found {values} in its pages"


def _fault(header: Header, chunk: Chunk, place: str) -> str:
    if not 0 <= header.unpacked_bytes <= MAX_PAGE_BYTES:
        return f"{place}: expected pages of at most {MAX_PAGE_BYTES} bytes, found one of {header.unpacked_bytes}"
    if not 0 <= header.packed_bytes <= chunk.packed_bytes or header.values < 0:
        return f"{place}: found a page of {header.packed_bytes} bytes and {header.values} values"
    if not 0 <= header.entries <= chunk.values:
        return f"{place}: expected a dictionary of at most {chunk.values} entries, found {header.entries}"
    return ""
