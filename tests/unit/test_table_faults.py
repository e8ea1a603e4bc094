"""Small damaged tables that a reader got wrong once, each with what is said of it today."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from table_samples import packets

from choreo_service.errors import SessionError
from choreo_service.schemas import pages, validate
from choreo_service.schemas.thrift import read_struct

VALIDATE = """
import sys
from pathlib import Path
from choreo_service.errors import SessionError
from choreo_service.schemas import validate
try:
    print(validate(Path(sys.argv[1]), "packets"))
except SessionError as error:
    print(error)
"""


def written(path: Path, old: bytes, new: bytes) -> Path:
    """A table of sixty rows from three sources in which `old`, which it has once, is `new`."""
    pq.write_table(packets(60, source_id=["a"] * 20 + ["b"] * 20 + ["c"] * 20), path, compression="none")
    data = path.read_bytes()
    assert data.count(old) == 1
    path.write_bytes(data.replace(old, new))
    return path


def test_a_footer_that_contradicts_itself_ends_no_process(tmp_path: Path) -> None:
    """A column that may be null is said never to be, and its statistics count nulls: to ask pyarrow for that column is
    a C++ exception that nobody catches."""
    kind, name = b"\x15\x04", b"\x18\x09source_ns"  # and between them the repetition, field 3: optional or required
    path = written(tmp_path / "packets.parquet", kind + b"\x25\x02" + name, kind + b"\x25\x00" + name)
    done = subprocess.run([sys.executable, "-c", VALIDATE, path], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "packets.parquet" in done.stdout


def test_a_name_beyond_its_dictionary_is_refused(tmp_path: Path) -> None:
    """Twenty times each of three names: runs of (length << 1, place). Arrow hands the places on as they are."""
    path = written(tmp_path / "packets.parquet", b"\x28\x00\x28\x01\x28\x02", b"\x28\x00\x28\x01\x28\x03")
    with pytest.raises(SessionError, match="Value at position 40 out of bounds: 3"):
        validate(path, "packets")


def test_columns_that_share_their_pages_are_refused(tmp_path: Path) -> None:
    """Else each of thousands would have them walked through again."""
    path = tmp_path / "packets.parquet"
    pq.write_table(packets(60), path, compression="none")
    data = path.read_bytes()
    with path.open("rb") as file:
        packed = sum(chunk.packed_bytes for chunk in pages.read_chunks(file))
    assert packed < len(data) - 8
    footer = data[-8 - int.from_bytes(data[-8:-4], "little") :]
    with pytest.raises(ValueError, match=f"a footer with {packed} bytes of columns in a file of {len(footer)}"):
        pages.read_chunks(io.BytesIO(footer))


CHUNK = pages.Chunk("values", group=0, rows=1, values=1, unpacked_bytes=99, packed_bytes=99, at=0)


@pytest.mark.parametrize(
    ("packed", "fault"),
    [
        (b"\x0a", ""),  # 5 bytes
        (
            b"\x8a\x80\x80\x80\x20",
            "found a page of 4294967301 bytes and 1 values",
        ),  # 5 + 2^32, which Arrow cuts off
    ],
)
def test_a_page_is_no_longer_than_its_column(packed: bytes, fault: str) -> None:
    header = b"\x15\x00\x15\x0a\x15" + packed + b"\x2c\x15\x02\x00\x00"  # a data page, unpacked, packed, of one value
    chunk = CHUNK._replace(packed_bytes=len(header) + 5)
    found = pages.page_fault(io.BytesIO(header + b"12345"), [chunk])
    assert found.removeprefix("column values, row group 0: ") == fault


class CountingFile(io.BytesIO):
    """How often was it read from?"""

    reads = 0

    def read(self, *args: Any) -> bytes:
        self.reads += 1
        return super().read(*args)


def data_pages(values: int, count: int) -> bytes:
    """Data pages of so many values, less than 64, which take no room: as small as a page can be."""
    return (b"\x15\x00\x15\x00\x15\x00\x2c\x15" + bytes([2 * values]) + b"\x00\x00") * count


@pytest.mark.parametrize("values", [0, 1, 63])
def test_a_column_of_nearly_empty_pages_is_refused_at_its_first_ones(values: int) -> None:
    """A hundred megabytes are nine million such pages: to look at each would take minutes."""
    count = 1000
    file = CountingFile(data_pages(values, count))
    chunk = CHUNK._replace(values=count * values, packed_bytes=len(file.getvalue()))
    place, least = "column values, row group 0", pages.PAGE_VALUES
    fault = pages.page_fault(file, [chunk])
    assert fault.startswith(f"{place}: expected at least {least} values a page, found {file.reads * values} in ")
    assert fault.endswith(f" {file.reads} pages")
    assert file.reads <= 2 + pages.FEW_PAGES * least  # 63 is nearly enough


def test_a_table_of_more_pages_than_any_take_has_is_refused_without_looking_at_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In as many columns as it takes, each of which has few."""
    monkeypatch.setattr(pages, "MAX_PAGES", 100)
    file = CountingFile(data_pages(0, pages.FEW_PAGES * 1000))
    length = len(data_pages(0, pages.FEW_PAGES))
    chunks = [CHUNK._replace(values=0, packed_bytes=length, at=i * length) for i in range(1000)]
    assert pages.page_fault(file, chunks[: 100 // pages.FEW_PAGES]) == ""
    file.reads = 0
    assert pages.page_fault(file, chunks) == "expected at most 100 pages, found more"
    assert file.reads == 101


@pytest.mark.parametrize(
    ("data", "fields"),
    [
        (b"\x15\x03\x00", {1: -2}),
        (b"\x16" + b"\xfe" + b"\xff" * 8 + b"\x01\x00", {1: 2**63 - 1}),
        (b"\x11\x12\x00", {1: True, 2: False}),
        (b"\x18\x02hi\x00", {1: b"hi"}),
        (b"\x05\x40\x02\x00", {32: 1}),  # a field number that is written out
        (b"\x19\x35\x02\x04\x06\x00", {1: [1, 2, 3]}),
        (b"\x19\x2c\x15\x02\x00\x15\x04\x00\x00", {1: [{1: 1}, {1: 2}]}),
        (b"\x19\x21\x01\x02\x17\x00\x00\x00\x00\x00\x00\xf0\x3f\x00", {1: [None, None], 2: None}),  # not needed
    ],
)
def test_thrift(data: bytes, fields: object) -> None:
    """By the protocol's own text."""
    assert read_struct(data + b"more") == (fields, len(data))


ENDLESS = b"\xff" * 8 + b"\x7f"


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"\x19\xf3" + ENDLESS + b"\x00", "more than 1048576 items"),  # bytes, which aren't looked at one by one
        (b"\x19\xf1" + ENDLESS + b"\x00", "more than 1048576 items"),  # truth values, likewise
        (b"\x19\xf5" + ENDLESS + b"\x00", "more than 1048576 items"),
        (b"\x16" + b"\xff" * 9 + b"\x03\x00", "64 bits"),
        (b"\x16" + b"\xff" * 10 + b"\x01\x00", "64 bits"),
        (b"\x19" * 9 + b"\x00", "nested too deeply"),
        (b"\x1b\x00", "of type 11"),  # a map, which Parquet has none of
        (b"\x18\x09hi", "ends in the middle"),
        (b"", "ends in the middle"),
    ],
)
def test_thrift_that_is_none_ends_at_once(data: bytes, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        read_struct(data)
