"""What a table may cost is judged by what it declares, before any of it is unpacked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hostile_files import empty_columns
from session_samples import some_accents, some_events, some_packets, some_sent, some_steps
from table_samples import packets

from choreo_service.errors import SessionError
from choreo_service.packets import STREAMS
from choreo_service.schemas import BATCH_ROWS, KINDS, arrow_schema, batches, pages, validate
from choreo_service.schemas.bounds import batch_rows
from choreo_service.schemas.values import MAX_NAME, MAX_NAMES
from choreo_service.session import Session, write_session


@pytest.fixture(scope="module")
def take(tmp_path_factory: pytest.TempPathFactory) -> Session:
    return write_session(
        tmp_path_factory.mktemp("takes") / "take",
        packets=some_packets(9000),
        steps=some_steps(300),
        sent=some_sent(100),
        events=some_events(30),
        accents=some_accents(60),
        meta={},
    )


@pytest.fixture
def unread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pq.ParquetFile, "iter_batches", lambda *a, **k: pytest.fail("rows were read"))


def events(texts: pa.Array) -> pa.Table:
    count = len(texts)
    columns = [np.arange(count), pa.array(["marker"] * count).dictionary_encode(), texts, ["{}"] * count]
    schema = arrow_schema("events")
    return pa.table([pa.array(c) for c in columns], schema=schema)


@pytest.mark.usefixtures("unread")
def test_long_names_are_refused_unread(tmp_path: Path) -> None:
    pq.write_table(packets(20, source_id=["x" * 1_000_000] * 20), tmp_path / "packets.parquet", use_dictionary=False)
    with pytest.raises(SessionError, match=r"column source_id: expected at most \d+ bytes of text in 20 rows"):
        validate(tmp_path / "packets.parquet", "packets")


@pytest.mark.usefixtures("unread")
def test_a_row_of_more_numbers_than_any_stream_has_is_refused_unread(tmp_path: Path) -> None:
    table = packets(3, values=[[60.0], [60.0] * 1_000_000, [60.0]])
    pq.write_table(table, tmp_path / "packets.parquet")
    most = 3 * max(stream.width for stream in STREAMS.values())
    with pytest.raises(SessionError, match=f"column values: expected at most {most} values in 3 rows, found 1000002"):
        validate(tmp_path / "packets.parquet", "packets")


def test_a_text_that_every_row_repeats_unfolds_in_few_rows_at_a_time(tmp_path: Path) -> None:
    texts = pa.DictionaryArray.from_arrays(pa.array([0] * 1500, pa.int32()), pa.array(["x" * 100_000]))
    pq.write_table(events(texts.cast(pa.string())), tmp_path / "events.parquet")
    assert (tmp_path / "events.parquet").stat().st_size < 100_000
    sizes = [batch.get_total_buffer_size() for batch in batches(tmp_path / "events.parquet", "events")]
    assert max(sizes) <= 65 << 20


def test_what_a_show_writes_is_read_in_whole_batches(take: Session) -> None:
    for kind in KINDS:
        with (take.path / f"{kind}.parquet").open("rb") as file:
            assert batch_rows(pages.read_chunks(file), kind) == BATCH_ROWS
    sizes = [batch.num_rows for batch in batches(take.path / "packets.parquet", "packets")]
    assert sizes == [BATCH_ROWS, 9000 - BATCH_ROWS]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (lambda: ["x" * (MAX_NAME + 1)] * 9, f"names of at most {MAX_NAME} characters, found one of {MAX_NAME + 1}"),
        (lambda: [f"phone {i}" for i in range(MAX_NAMES + 1)], f"at most {MAX_NAMES} different names, found more"),
    ],
)
def test_names_are_short_and_few(tmp_path: Path, names: Callable[[], list[str]], expected: str) -> None:
    pq.write_table(packets(len(names()), source_id=names()), tmp_path / "packets.parquet")
    with pytest.raises(SessionError, match=f"column source_id: expected {expected}"):
        validate(tmp_path / "packets.parquet", "packets")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_page_headers_are_understood(take: Session, tmp_path: Path, kind: str, version: str) -> None:
    """The footer's size of a column is that of its pages, headers included, and its values those of its data pages."""
    table = pq.read_table(take.path / f"{kind}.parquet")
    path = tmp_path / "again.parquet"
    pq.write_table(table, path, data_page_version=version, data_page_size=2000, compression="zstd")
    metadata = pq.read_metadata(path)
    found = 0
    with path.open("rb") as file:
        chunks = pages.read_chunks(file)
        assert len(chunks) == metadata.num_columns
        for j, chunk in enumerate(chunks):
            column = metadata.row_group(0).column(j)
            assert chunk.name == column.path_in_schema.split(".")[0]
            assert (chunk.rows, chunk.values) == (metadata.row_group(0).num_rows, column.num_values)
            headers = list(pages.headers(file, chunk))
            assert sum(h.unpacked_bytes + h.length for h in headers) == column.total_uncompressed_size
            assert sum(h.packed_bytes + h.length for h in headers) == column.total_compressed_size
            assert sum(h.values for h in headers) == column.num_values
            found += len(headers)
    assert found > metadata.num_columns
    assert validate(path, kind) == table.num_rows


@pytest.mark.parametrize(
    "how",
    [
        {"row_group_size": 100, "data_page_size": 1},
        {"write_batch_size": 100, "data_page_size": 1, "use_dictionary": False},
        {"max_rows_per_page": 100},
    ],
    ids=str,
)
def test_the_smallest_pages_that_writers_make_are_read(take: Session, tmp_path: Path, how: dict[str, Any]) -> None:
    for kind in KINDS:
        table = pq.read_table(take.path / f"{kind}.parquet")
        pq.write_table(table, tmp_path / "small.parquet", **how)
        assert validate(tmp_path / "small.parquet", kind) == table.num_rows


@pytest.mark.usefixtures("unread")
def test_a_page_that_unpacks_to_more_than_any_writer_makes_is_refused_unread(tmp_path: Path) -> None:
    rows, path = 5_000_000, tmp_path / "packets.parquet"
    table = packets(1).take(pa.array(np.zeros(rows, np.int64)))
    one_page = {"row_group_size": rows, "write_batch_size": rows, "max_rows_per_page": rows, "data_page_size": 1 << 30}
    pq.write_table(table, path, compression="zstd", use_dictionary=["stream", "source_id"], **one_page)
    assert path.stat().st_size < 1_000_000
    with pytest.raises(SessionError, match=f"expected pages of at most {pages.MAX_PAGE_BYTES} bytes, found one of"):
        validate(path, "packets")


@pytest.mark.usefixtures("unread")
def test_a_page_with_more_values_than_its_footer_says_is_refused_unread(take: Session, tmp_path: Path) -> None:
    data = bytearray((take.path / "accents.parquet").read_bytes())
    metadata = pq.read_metadata(take.path / "accents.parquet")
    column = metadata.row_group(0).column(metadata.schema.names.index("strength"))
    # A data page's own header begins with its number of values: field 5, a struct, then field 1, an integer.
    at = data.index(b"\x1c\x15\x78", column.data_page_offset)
    assert column.num_values == 60
    data[at + 2] = 2 * 63
    (tmp_path / "accents.parquet").write_bytes(data)
    with pytest.raises(SessionError, match="strength, row group 0: expected 60 values, found 63 in its pages"):
        validate(tmp_path / "accents.parquet", "accents")


@pytest.mark.parametrize(
    ("groups", "fault"),
    [
        (3, "a footer that describes no columns"),
        (60, "a footer that describes no columns"),  # 11 MB; of 3.6 Arrow made 920 in memory
        (200, "a footer of 36002005 bytes, more than 33554432"),
    ],
)
def test_a_footer_that_unfolds_to_gigabytes_never_gets_to_arrow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, groups: int, fault: str
) -> None:
    path = tmp_path / "packets.parquet"
    path.write_bytes(empty_columns(groups))
    monkeypatch.setattr(pq, "ParquetFile", lambda *a, **k: pytest.fail("Arrow was asked"))
    with pytest.raises(SessionError, match=fault):
        validate(path, "packets")


@pytest.mark.parametrize("data", [b"", b"PAR1", b"x" * 40, b"PAR1" + b"\xff" * 4 + b"PAR1"])
def test_what_is_no_parquet_is_told_by_arrow(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "packets.parquet").write_bytes(data)
    with pytest.raises(SessionError, match=r"packets.parquet is damaged: .*found: .*[Pp]arquet"):
        validate(tmp_path / "packets.parquet", "packets")


def test_a_long_take_s_footer_is_read_by_both(tmp_path: Path) -> None:
    """A row in a group is the longest footer that the rows of a take can have."""
    pq.write_table(packets(700), tmp_path / "packets.parquet", row_group_size=1)
    footer = int.from_bytes((tmp_path / "packets.parquet").read_bytes()[-8:-4], "little")
    assert pages.SMALL_FOOTER_BYTES < footer < pages.MAX_FOOTER_BYTES
    assert validate(tmp_path / "packets.parquet", "packets") == 700
