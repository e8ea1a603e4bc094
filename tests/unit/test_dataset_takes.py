"""The takes one names are the takes one trains with: all of them, each once."""

from __future__ import annotations

from pathlib import Path

import pytest
from session_samples import some_steps

from choreo_pipelines.datasets import find_takes
from choreo_service.errors import SessionError
from choreo_service.session import write_session


def _take(path: Path) -> Path:
    return write_session(path, packets=None, steps=some_steps(3), meta={}).path


def test_takes_and_folders_of_takes_may_be_mixed(tmp_path: Path) -> None:
    _take(tmp_path / "folder" / "b")
    _take(tmp_path / "folder" / "a")
    alone = _take(tmp_path / "c")
    assert [take.path.name for take in find_takes([alone, tmp_path / "folder"])] == ["a", "b", "c"]


def test_a_take_named_twice_is_there_once(tmp_path: Path) -> None:
    take = _take(tmp_path / "a")
    (tmp_path / "link").symlink_to(take)
    assert len(find_takes([take, tmp_path, tmp_path / "." / "a", tmp_path / "link"])) == 1


def test_drafts_and_takes_further_down_are_not_looked_at(tmp_path: Path) -> None:
    _take(tmp_path / "a")
    _take(tmp_path / "deeper" / "b")
    _take(tmp_path / ".c.partial")
    assert [take.path.name for take in find_takes([tmp_path])] == ["a"]


def test_a_folder_without_takes_says_how_to_get_some(tmp_path: Path) -> None:
    for paths in ([tmp_path], [tmp_path / "absent"], []):
        with pytest.raises(SessionError, match="no takes") as caught:
            find_takes(paths)
        assert "make generate-data" in caught.value.fix
        assert "choreo-lab generate" in caught.value.fix


def test_one_unreadable_take_is_not_left_out_in_silence(tmp_path: Path) -> None:
    _take(tmp_path / "a")
    (_take(tmp_path / "b") / "frames.parquet").unlink()
    with pytest.raises(SessionError, match=r"b has lost frames\.parquet"):
        find_takes([tmp_path])


def test_a_file_is_no_take(tmp_path: Path) -> None:
    (tmp_path / "ride.fit").write_bytes(b"")
    with pytest.raises(SessionError, match="choreo-lab import"):
        find_takes([tmp_path / "ride.fit"])
