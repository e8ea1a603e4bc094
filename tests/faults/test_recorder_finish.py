"""Finishing a take is interrupted anywhere and run again: one take, whole, and nothing else left."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from recorded_shows import FOLDER, RecordedShow
from shows import make_core

from choreo_service.clock import run_virtual
from choreo_service.disk import RealDisk
from choreo_service.errors import SessionError
from choreo_service.recorder import finish, is_live, recover, unfinished
from choreo_service.recorder.live import LOCK, MANIFEST
from choreo_service.replay import replay_take
from choreo_service.session import Session, open_session
from choreo_service.testing.disk import Remains


@pytest.fixture(scope="module")
def remains() -> Remains:
    """What a process killed after four seconds of recording leaves."""
    show = RecordedShow()
    show.recorder.start("show")
    left: list[Remains] = []
    show.at(4, lambda: left.append(show.disk.after_kill()))
    run_virtual(show.clock, show.service.run(seconds=4.5))
    return left[0]


@pytest.fixture
def folder(remains: Remains, tmp_path: Path) -> Path:
    for path, content in remains.items():
        target = tmp_path / path.relative_to("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    return tmp_path / FOLDER.relative_to("/") / ".show.recording"


def rows(take: Session) -> dict[str, int]:
    return {kind: seal["rows"] for kind, seal in take.meta["files"].items()}


class Killed(BaseException):
    """The process is gone: nobody cleans up."""


@pytest.mark.parametrize("syncs", range(14))
def test_interrupted_anywhere_and_run_again(folder: Path, monkeypatch: pytest.MonkeyPatch, syncs: int) -> None:
    left, real = [syncs], os.fsync

    def dying(handle: int) -> None:
        if not left[0]:
            raise Killed
        left[0] -= 1
        real(handle)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", dying)
        patch.setattr(shutil, "rmtree", lambda *args, **kwargs: None)
        patch.setattr(Path, "unlink", lambda *args: None)
        try:
            finish(folder)
        except Killed:
            assert folder.is_dir()
    for _ in range(2):
        list(recover(unfinished(folder.parent)))
    assert [path.name for path in folder.parent.iterdir()] == ["show"]
    take = open_session(folder.parent / "show")
    assert rows(take)["controls"] == pytest.approx(200, abs=10)
    report = replay_take(take.path, make_core())
    assert report.ok
    assert report.compared == rows(take)["controls"]


def test_a_recording_that_is_going_on_is_left_alone(folder: Path) -> None:
    lock = RealDisk().lock(folder / LOCK)
    assert lock is not None
    with lock:
        assert is_live(folder)
        assert list(recover(unfinished(folder.parent))) == []
        with pytest.raises(SessionError, match="being recorded"):
            finish(folder)
    assert not is_live(folder)
    assert [type(take) for _, take in recover(unfinished(folder.parent))] == [Session]


def test_a_take_that_has_the_name_meanwhile_stays(folder: Path) -> None:
    other = folder.parent / "show"
    other.mkdir()
    (other / "mine").write_text("precious")
    take = finish(folder)
    assert take is not None
    assert take.path.name == "show_2"
    assert (other / "mine").read_text() == "precious"


def test_a_link_to_nowhere_takes_a_name_too(folder: Path) -> None:
    (folder.parent / "show").symlink_to("nowhere")
    take = finish(folder)
    assert take is not None
    assert take.path.name == "show_2"


def test_without_its_manifest_a_recording_is_still_a_take(folder: Path) -> None:
    (folder / MANIFEST).write_bytes(b"\0\0\0")
    take = finish(folder)
    assert take is not None
    assert rows(take)["controls"] > 150


def _damage(folder: Path) -> None:
    """A bit of the packets, in their middle."""
    path = next(folder.glob("packets-*"))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)


def test_a_batch_damaged_in_the_middle_costs_its_rows_and_says_so(folder: Path) -> None:
    _damage(folder)
    take = finish(folder)
    assert take is not None
    assert 1 <= take.meta["lost_rows"]["packets"] <= 120
    assert rows(take)["controls"] > 150


def test_a_replay_tells_what_damage_has_cost(folder: Path) -> None:
    _damage(folder)
    take = finish(folder)
    assert take is not None
    report = replay_take(take.path, make_core())
    assert report.difference.startswith("tick ")
    rows = take.meta["lost_rows"]["packets"]
    cause = "were lost to damage, so the show can't be computed again exactly from there"
    assert report.text().endswith(f"{report.difference}\n          {rows} rows of packets {cause}")


def test_a_recording_that_never_began_is_removed(tmp_path: Path) -> None:
    folder = tmp_path / ".show.recording"
    folder.mkdir()
    (folder / MANIFEST).write_text(json.dumps({"id": "x", "name": "show"}))
    assert finish(folder) is None
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_while_finishing_leaves_the_recording(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pyarrow.parquet as pq

    def full(self: object, batch: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(pq.ParquetWriter, "write_batch", full)
        ((_, error),) = recover(unfinished(folder.parent))
    assert isinstance(error, SessionError)
    assert "free space" in error.fix
    ((_, take),) = recover(unfinished(folder.parent))
    assert isinstance(take, Session)


def test_a_copy_that_holds_more_than_the_take_made_of_it_is_a_take_as_well(folder: Path) -> None:
    """A damaged recording becomes a take; then the backup of it is restored."""
    backup = folder.parent / ".backup.recording"
    shutil.copytree(folder, backup)
    packets = next(folder.glob("packets-*"))
    packets.write_bytes(packets.read_bytes()[:2000])
    short, whole = finish(folder), finish(backup)
    assert short is not None and whole is not None  # noqa: PT018
    assert short.path.name == "show"
    assert whole.path.name == "show_2"
    assert rows(whole)["packets"] > 2 * rows(short)["packets"]
    assert not whole.meta["lost_rows"]


@pytest.mark.parametrize("stream", ["packets", "steps", "sent"])
def test_a_copy_of_which_the_take_has_everything_is_removed(folder: Path, stream: str) -> None:
    backup = folder.parent / ".backup.recording"
    shutil.copytree(folder, backup)
    segment = next(backup.glob(f"{stream}-*"))
    segment.write_bytes(segment.read_bytes()[:-2000])
    takes = finish(folder), finish(backup)
    assert [take and take.path.name for take in takes] == ["show", "show"]
    assert [path.name for path in folder.parent.iterdir()] == ["show"]


def test_two_recordings_that_lost_their_manifests_are_two_takes(folder: Path) -> None:
    (folder / MANIFEST).unlink()
    other = folder.parent / "kept"
    shutil.copytree(folder, other)
    packets = next(folder.glob("packets-*"))
    packets.write_bytes(packets.read_bytes()[:2000])
    assert finish(folder) is not None
    other.rename(folder)
    take = finish(folder)
    assert take is not None
    assert take.path.name == "show_2"


@pytest.mark.parametrize("begun", [True, False])
def test_other_files_in_a_recording_stay(folder: Path, begun: bool) -> None:
    if not begun:
        for path in folder.iterdir():
            path.unlink()
    (folder / "notes.txt").write_text("precious")
    (folder / "pictures").mkdir()
    for _ in range(2):
        assert (finish(folder) is not None) is begun
        begun = False
        assert {path.name for path in folder.iterdir()} == {"notes.txt", "pictures"}
        assert unfinished(folder.parent) == []


@pytest.mark.parametrize("removed", range(8))
def test_interrupted_while_it_is_removed_and_run_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch, removed: int
) -> None:
    left, real = [removed], Path.unlink

    def dying(path: Path, *args: bool) -> None:
        if path.parent == folder:
            if not left[0]:
                raise Killed
            left[0] -= 1
        real(path, *args)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", dying)
        try:
            finish(folder)
        except Killed:
            assert folder.is_dir()
    list(recover(unfinished(folder.parent)))
    assert [path.name for path in folder.parent.iterdir()] == ["show"]
