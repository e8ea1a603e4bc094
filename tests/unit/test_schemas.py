from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from session_samples import some_accents, some_events, some_packets, some_sent, some_steps

from choreo_service.errors import SessionError
from choreo_service.packets import CONTROL_NAMES, FEATURE_COLUMNS, LATENT_DIM, MODALITIES
from choreo_service.schemas import KIND_KEY, KINDS, VERSION_KEY, arrow_schema, validate
from choreo_service.session import Session, write_session


@pytest.fixture
def take(tmp_path: Path) -> Session:
    return write_session(
        tmp_path / "take",
        packets=some_packets(40, performers=2),
        steps=some_steps(20, performers=2),
        sent=some_sent(40),
        events=some_events(40),
        accents=some_accents(40),
        meta={},
    )


def _changed(table: pa.Table, column: str, row: int, value: Any) -> pa.Table:
    values = table.column(column).to_pylist()
    values[row] = value
    i = table.schema.get_field_index(column)
    return table.set_column(i, table.schema.field(i), pa.array(values, table.schema.field(i).type))


def test_columns_come_from_the_tables_of_packets() -> None:
    assert [n for n in arrow_schema("frames").names if n in FEATURE_COLUMNS] == list(FEATURE_COLUMNS)
    assert [n for n in arrow_schema("controls").names if n in CONTROL_NAMES] == list(CONTROL_NAMES)
    assert arrow_schema("latents").field("z").type.list_size == LATENT_DIM
    for modality in MODALITIES:
        assert f"present_{modality}" in arrow_schema("frames").names
        assert f"age_{modality}_s" in arrow_schema("frames").names
        assert f"filled_{modality}" in arrow_schema("latents").names


@pytest.mark.parametrize("kind", KINDS)
def test_written_tables_are_valid_as_files_and_in_memory(take: Session, kind: str) -> None:
    rows = 40
    assert validate(take.path / f"{kind}.parquet", kind) == rows
    assert validate(take.table(kind), kind) == rows


BAD_VALUES = [
    ("frames", "beat_phase", 3, 1.5, "0..1"),
    ("frames", "beat_phase", 3, float("nan"), "0..1"),
    ("frames", "hr", 4, float("inf"), "finite"),
    ("frames", "symmetry", 1, -0.1, "0..1"),
    ("frames", "age_heart_s", 2, float("nan"), "infinity for never"),
    ("frames", "t_ns", 10, 5, "more than before"),
    ("frames", "dk", 0, 0, ">= 1"),
    ("controls", "tension", 7, 1.01, "0..1"),
    ("controls", "k", 12, 1, "more than before"),
    ("controls", "performer", 5, -1, ">= 0"),
    ("latents", "coherence", 9, 2.0, "0..1"),
    ("accents", "strength", 9, float("nan"), "0..1"),
    ("accents", "strength", 9, 1.5, "0..1"),
    ("accents", "seq", 9, 3, "more than before"),
    ("accents", "t_ns", 9, 5, "no less than before"),
    ("accents", "performer", 9, -1, ">= 0"),
    ("latents", "z_norm", 9, [float("nan")] * LATENT_DIM, "finite"),
    ("sent", "value", 3, float("inf"), "finite"),
    ("packets", "stream", 6, "telepathy", "acceleration"),
    ("packets", "values", 0, [1.0], "3 numbers for acceleration"),
    ("packets", "values", 5, [float("inf")], "finite"),
    ("packets", "seq", 8, 7, "more than before"),
    ("packets", "t_ns", 8, 7, "no less than before"),
]


@pytest.mark.parametrize(("kind", "column", "row", "value", "expected"), BAD_VALUES)
def test_a_wrong_value_is_named_with_column_and_row(
    take: Session, kind: str, column: str, row: int, value: Any, expected: str
) -> None:
    with pytest.raises(SessionError) as caught:
        validate(_changed(take.table(kind), column, row, value), kind)
    assert f"column {column}, row {row}: expected " in caught.value.problem
    assert expected in caught.value.problem
    assert caught.value.fix


def test_a_repeated_stamp_is_allowed_between_packets_and_performers(take: Session) -> None:
    table = take.table("packets")
    same = _changed(table, "t_ns", 8, table.column("t_ns")[7].as_py())
    assert validate(same, "packets") == 40
    frames = take.table("frames")
    assert frames.column("t_ns")[0] == frames.column("t_ns")[1]  # two performers, one tick


def test_nulls_are_allowed_only_where_the_device_has_no_clock(take: Session) -> None:
    table = take.table("packets")
    assert table.column("source_ns").null_count > 0
    nullable = pa.schema([f.with_nullable(True) for f in table.schema], metadata=table.schema.metadata)
    with pytest.raises(SessionError, match="column performer: expected a value in every row"):
        validate(_changed(table.cast(nullable), "performer", 3, None), "packets")


def test_a_wrong_schema_names_every_fault(take: Session) -> None:
    table = take.table("frames").drop_columns(["hr"])
    i = table.schema.get_field_index("jerk")
    table = table.set_column(i, "jerk", table.column("jerk").cast(pa.float64()))
    with pytest.raises(SessionError) as caught:
        validate(table, "frames")
    assert "column hr: expected float, found 0 columns of that name" in caught.value.problem
    assert "column jerk: expected float, found double" in caught.value.problem


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({KIND_KEY: "frames", VERSION_KEY: "99"}, f"{VERSION_KEY}: expected 1, found 99"),
        ({KIND_KEY: "controls", VERSION_KEY: "1"}, f"{KIND_KEY}: expected frames, found controls"),
        (None, f"{KIND_KEY}: expected frames, found nothing"),
    ],
)
def test_another_version_or_kind_is_refused(take: Session, metadata: dict[str, str] | None, expected: str) -> None:
    with pytest.raises(SessionError) as caught:
        validate(take.table("frames").replace_schema_metadata(metadata), "frames")
    assert expected in caught.value.problem


def test_further_columns_are_ignored(take: Session) -> None:
    table = take.table("frames")
    assert validate(table.append_column("mood", pa.array(["calm"] * table.num_rows)), "frames") == table.num_rows


def test_a_footer_that_declares_too_many_rows_is_refused_before_reading(
    take: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("choreo_service.schemas.bounds.MAX_ROWS", 39)
    monkeypatch.setattr(pq.ParquetFile, "iter_batches", lambda *a, **k: pytest.fail("rows were read"))
    with pytest.raises(SessionError, match=r"rows: expected 0\.\.39, found 40"):
        validate(take.path / "frames.parquet", "frames")


def test_a_table_too_large_for_memory_is_refused(take: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("choreo_service.schemas.files.MAX_TABLE_BYTES", 100)
    with pytest.raises(SessionError, match="bytes"):
        take.frames_table()
