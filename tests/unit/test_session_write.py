from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from session_samples import some_packets, some_steps

from choreo_service.errors import SessionError
from choreo_service.packets import SensorPacket
from choreo_service.schemas import batches
from choreo_service.session import open_session, write_session


def test_an_existing_take_is_never_touched(tmp_path: Path) -> None:
    first = write_session(tmp_path / "a", packets=some_packets(10), steps=None, meta={})
    before = {f.name: f.read_bytes() for f in first.path.iterdir()}
    second = write_session(tmp_path / "a", packets=some_packets(5), steps=None, meta={})
    third = write_session(tmp_path / "a", packets=some_packets(5), steps=None, meta={})
    assert [second.path.name, third.path.name] == ["a_2", "a_3"]
    assert second.meta["name"] == "a_2"
    assert {f.name: f.read_bytes() for f in first.path.iterdir()} == before


def test_a_name_taken_while_writing_is_left_to_the_other(tmp_path: Path) -> None:
    def slow() -> Iterator[SensorPacket]:
        yield from some_packets(5)
        (tmp_path / "a").mkdir()
        (tmp_path / "a" / "somebody.txt").touch()

    session = write_session(tmp_path / "a", packets=slow(), steps=None, meta={})
    assert session.path.name == "a_2"
    assert [f.name for f in (tmp_path / "a").iterdir()] == ["somebody.txt"]


def test_nothing_is_left_behind_when_the_source_fails(tmp_path: Path) -> None:
    def broken() -> Iterator[SensorPacket]:
        yield from some_packets(10_000)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_session(tmp_path / "a", packets=broken(), steps=None, meta={})
    assert list(tmp_path.iterdir()) == []


def test_a_take_that_could_not_be_read_again_is_not_written(tmp_path: Path) -> None:
    steps = list(some_steps(3))
    steps[1].controls[0, 0] = np.nan
    with pytest.raises(SessionError, match=r"controls\.parquet.*tempo_scale, row 1"):
        write_session(tmp_path / "a", packets=None, steps=steps, meta={})
    with pytest.raises(SessionError, match=r"period_ns: expected an integer, found 0\.02"):
        write_session(tmp_path / "a", packets=some_packets(3), steps=None, meta={"period_ns": 0.02})
    with pytest.raises(SessionError, match="plain JSON"):
        write_session(tmp_path / "a", packets=some_packets(3), steps=None, meta={"engine": {"x": float("nan")}})
    assert list(tmp_path.iterdir()) == []


def _without_the_last_row(rows: Any) -> Any:
    return rows.slice(0, rows.num_rows - 1)


def _with_another_source(rows: Any) -> Any:
    i = rows.schema.get_field_index("source_id")
    return rows.set_column(i, rows.schema.field(i), pa.array(["x"] * rows.num_rows).dictionary_encode())


@pytest.mark.parametrize(
    ("change", "found"), [(_without_the_last_row, "9 read back"), (_with_another_source, "10 read back, not the same")]
)
def test_a_disk_that_loses_or_changes_rows_is_found_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[Any], Any], found: str
) -> None:
    monkeypatch.setattr("choreo_service.session.write.batches", lambda path, kind: map(change, batches(path, kind)))
    with pytest.raises(SessionError, match=f"10 rows were written, {found}"):
        write_session(tmp_path / "a", packets=some_packets(10), steps=None, meta={})
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_explained(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SessionError) as caught:
        write_session(tmp_path / "file" / "a", packets=some_packets(1), steps=None, meta={})
    assert "can't write the take" in caught.value.problem
    assert "--out" in caught.value.fix


@pytest.mark.parametrize(
    ("code", "fix"), [(errno.ENOSPC, "free space"), (errno.EACCES, "choose a folder you may write to")]
)
def test_a_full_or_forbidden_disk_is_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, fix: str
) -> None:
    def refuse(self: Any, batch: Any) -> NoReturn:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(pq.ParquetWriter, "write_batch", refuse)
    with pytest.raises(SessionError, match=fix):
        write_session(tmp_path / "a", packets=some_packets(10_000), steps=None, meta={})
    assert list(tmp_path.iterdir()) == []


def test_everything_is_on_the_disk_before_the_take_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    real = os.fsync

    def spy(handle: int) -> None:
        synced.append(Path(f"/proc/self/fd/{handle}").readlink().name)
        assert not (tmp_path / "a").exists() or synced[-1] == tmp_path.name
        real(handle)

    if not Path("/proc/self/fd").is_dir():
        pytest.skip("open files can be listed only on Linux")
    monkeypatch.setattr(os, "fsync", spy)
    write_session(tmp_path / "a", packets=some_packets(10), steps=some_steps(5), meta={})
    files = {"packets.parquet", "frames.parquet", "controls.parquet", "latents.parquet", "meta.json"}
    assert files < set(synced)
    assert synced[-1] == tmp_path.name


def test_frames_can_be_written_without_controls(tmp_path: Path) -> None:
    frames = [s.frame for s in some_steps(4)]
    session = write_session(tmp_path / "a", packets=some_packets(4), steps=None, frames=iter(frames), meta={})
    assert session.kinds == ("packets", "frames")
    with pytest.raises(ValueError, match="one of the two"):
        write_session(tmp_path / "b", packets=None, steps=some_steps(1), frames=iter(frames), meta={})


def test_a_take_played_by_rules_has_no_latents(tmp_path: Path) -> None:
    session = write_session(tmp_path / "a", packets=None, steps=some_steps(4, latents=False), meta={})
    assert session.kinds == ("frames", "controls")


def test_an_empty_take_can_be_written_and_opened(tmp_path: Path) -> None:
    session = write_session(tmp_path / "a", packets=iter(()), steps=iter(()), meta={})
    assert session.kinds == ("packets", "frames", "controls")
    assert list(open_session(session.path).packets()) == []
    assert session.meta["start_ns"] is None
