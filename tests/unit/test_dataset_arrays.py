"""Arrays on disk are used where they lie, and nothing but what was written is ever handed out."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from choreo_pipelines.datasets import MappedArrays, map_arrays, write_arrays
from choreo_service.errors import SessionError

FRAMES = 4000
ARROW_PADDING = 64  # bytes a buffer is padded to, so both arrays of a small file may look this long


@pytest.fixture
def path(tmp_path: Path) -> Path:
    rng = np.random.default_rng(1)
    arrays = {
        "features": rng.random((FRAMES, 11), dtype=np.float32),
        "present": rng.integers(0, 2, (FRAMES, 4), dtype=np.uint8),
        "t_ns": np.arange(FRAMES, dtype=np.int64) * 20_000_000,
    }
    write_arrays(tmp_path / "take.arrow", arrays, {"take": "äöü", "hz": "50"})
    return tmp_path / "take.arrow"


def test_what_was_written_comes_back(path: Path) -> None:
    mapped = map_arrays(path)
    expected = np.random.default_rng(1).random((FRAMES, 11), dtype=np.float32)
    assert {name: (array.shape, array.dtype.name) for name, array in mapped.items()} == {
        "features": ((FRAMES, 11), "float32"),
        "present": ((FRAMES, 4), "uint8"),
        "t_ns": ((FRAMES,), "int64"),
    }
    assert mapped["features"].tobytes() == expected.tobytes()
    assert mapped.metadata == {"take": "äöü", "hz": "50"}
    mapped.verify()


def test_values_that_are_not_numbers_come_back_too(tmp_path: Path) -> None:
    strange = np.array([np.nan, np.inf, -0.0], np.float32)
    write_arrays(tmp_path / "x.arrow", {"x": strange}, {})
    assert map_arrays(tmp_path / "x.arrow")["x"].tobytes() == strange.tobytes()


def test_an_empty_take_and_a_view_of_every_second_row_can_be_written(tmp_path: Path) -> None:
    write_arrays(tmp_path / "none.arrow", {"x": np.empty((0, 3), np.float32)}, {})
    assert map_arrays(tmp_path / "none.arrow")["x"].shape == (0, 3)
    rows = np.arange(20, dtype=np.int64).reshape(10, 2)[::2]
    write_arrays(tmp_path / "rows.arrow", {"x": rows}, {})
    assert map_arrays(tmp_path / "rows.arrow")["x"].tolist() == rows.tolist()


def test_mapping_copies_nothing(path: Path) -> None:
    before = pa.total_allocated_bytes()
    mapped = map_arrays(path)
    total = sum(float(array.sum(dtype=np.float64)) for array in mapped.values())
    assert total > 0
    assert pa.total_allocated_bytes() == before
    assert all(array.base is not None for array in mapped.values())


def test_a_mapped_array_can_not_be_written(path: Path) -> None:
    for array in map_arrays(path).values():
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1
        with pytest.raises(ValueError, match="WRITEABLE"):
            array.flags.writeable = True


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="no /proc here to count open files in")
def test_a_mapping_holds_no_file_open(path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - the folder's own entry counts on both sides
    mapped = [map_arrays(path) for _ in range(50)]
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208
    assert mapped[0]["t_ns"][1] == 20_000_000


def test_a_view_outlives_its_mapping_and_the_replaced_file(path: Path) -> None:
    view = map_arrays(path)["t_ns"]
    write_arrays(path, {"t_ns": np.zeros(3, np.int64)}, {})
    assert view[-1] == (FRAMES - 1) * 20_000_000
    assert map_arrays(path)["t_ns"].tolist() == [0, 0, 0]


def test_a_pickle_holds_the_path_alone(path: Path) -> None:
    mapped = map_arrays(path)
    frozen = pickle.dumps(mapped)
    thawed = pickle.loads(frozen)
    assert len(frozen) < 500 < path.stat().st_size
    assert isinstance(thawed, MappedArrays)
    assert thawed["features"].tobytes() == mapped["features"].tobytes()


def test_every_changed_bit_is_found_or_changes_nothing(path: Path) -> None:
    """Arrow keeps its schema twice and pads its buffers; a bit there changes nothing a reader gets."""
    small = {"x": np.arange(12, dtype=np.float32).reshape(4, 3), "n": np.arange(4, dtype=np.int64)}
    write_arrays(path, small, {"take": "a"})
    intact = bytearray(path.read_bytes())
    expected = _what_a_reader_gets(path)
    outcomes = []
    for position in range(0, len(intact), 3):
        broken = bytearray(intact)
        broken[position] ^= 1 << position % 8
        path.write_bytes(broken)
        outcomes.append(_what_a_reader_gets(path))
    assert expected is not None
    assert all(outcome in (None, expected) for outcome in outcomes)
    assert outcomes.count(None) > 0.1 * len(outcomes)


def test_no_changed_byte_makes_a_view_that_reaches_beyond_the_file(path: Path) -> None:
    write_arrays(path, {"x": np.zeros((4, 3), np.float32), "n": np.zeros(4, np.int64)}, {})
    intact = bytearray(path.read_bytes())
    refused = 0
    for position in range(len(intact)):
        broken = bytearray(intact)
        broken[position] ^= 0x14
        path.write_bytes(broken)
        try:
            mapped = map_arrays(path)
        except SessionError:
            refused += 1
        else:
            assert all(array.nbytes <= ARROW_PADDING for array in mapped.values())
    assert refused > 0.1 * len(intact)


def _what_a_reader_gets(path: Path) -> object:
    """None where the reader is told that the file is damaged."""
    try:
        mapped = map_arrays(path)
        mapped.verify()
    except SessionError:
        return None
    return mapped.metadata, {name: (array.shape, array.tobytes()) for name, array in mapped.items()}


@pytest.mark.parametrize("kept", [0, 1, 7, 8, 100, 5000, -1])
def test_a_file_cut_short_is_refused(path: Path, kept: int) -> None:
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(SessionError, match="is damaged: expected an Arrow file of arrays"):
        map_arrays(path)


def test_foreign_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "foreign.arrow"
    path.write_text("hello")
    with pytest.raises(SessionError, match="is damaged"):
        map_arrays(path)
    table = pa.table({"x": [1.0, None]})
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as file:
        file.write_table(table)
    with pytest.raises(SessionError, match="is damaged"):
        map_arrays(path)
    with pytest.raises(SessionError, match="no arrays at"):
        map_arrays(tmp_path / "absent.arrow")


@pytest.mark.parametrize(
    "arrays",
    [
        {},
        {"x": np.zeros(3, np.float64)},
        {"x": np.zeros((3, 2, 2), np.float32)},
        {"x": np.zeros((3, 0), np.float32)},
        {"x": np.zeros(3, np.float32), "y": np.zeros(4, np.float32)},
    ],
)
def test_other_arrays_are_refused_and_leave_nothing_behind(tmp_path: Path, arrays: dict[str, np.ndarray]) -> None:
    with pytest.raises(ValueError, match="expected"):
        write_arrays(tmp_path / "x.arrow", arrays, {})
    assert not list(tmp_path.iterdir())


def test_a_failed_write_keeps_the_old_file_and_no_draft(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = path.read_bytes()

    def full(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(SessionError, match="No space left"):
        write_arrays(path, {"x": np.zeros(3, np.float32)}, {})
    assert path.read_bytes() == old
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_a_place_that_is_no_folder_is_a_session_error(path: Path) -> None:
    with pytest.raises(SessionError, match="can't write") as caught:
        write_arrays(path / "x.arrow", {"x": np.zeros(3, np.float32)}, {})
    assert caught.value.fix
