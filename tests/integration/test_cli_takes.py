"""`choreo takes` and `choreo record`: what a performer sees of takes, whole and cut off."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from session_samples import PERIOD_NS, some_packets, some_steps
from shows import make_core

from choreo_service.cli import choreo
from choreo_service.cli.failure import exit_code_of
from choreo_service.config import load_settings
from choreo_service.disk import RealDisk
from choreo_service.errors import ChoreoError
from choreo_service.recorder.live import LiveTake, Played
from choreo_service.service.finishing import finish_left_over, finish_now, require_room
from choreo_service.session import open_session, write_session


@pytest.fixture
def recordings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, repo_root: Path) -> Path:
    monkeypatch.setenv("CHOREO_HOME", str(repo_root))
    monkeypatch.setenv("CHOREO__RECORDER__FOLDER", str(tmp_path / "takes"))
    return tmp_path / "takes"


def cut_off(recordings: Path, name: str = "fallen") -> LiveTake:
    """A recording of ten ticks whose process is gone."""
    core = make_core()
    header = {"period_ns": PERIOD_NS, "engine": {"mapper": "rules"}}
    take = LiveTake(RealDisk(), recordings, name, header, core.state())
    take.open()
    take.add([Played((), core.step(k, 1, k * PERIOD_NS, ())) for k in range(1, 11)])
    take.flush(0)
    take.abandon()
    return take


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    assert exit_code_of(choreo, arguments) == 0
    return capsys.readouterr().out.splitlines()


def test_without_takes_it_says_how_to_make_one(recordings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, "takes") == [f"no takes in {recordings}; record one: choreo record"]


def test_the_list_tells_what_a_performer_asks(recordings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tags = {"tags": ["premiere", "berlin"], "ended": "the show ended", "lost_rows": {}}
    write_session(recordings / "good", packets=some_packets(8000), steps=some_steps(50), meta=tags)
    hurt = {"ended": "cut off: the process or the machine stopped", "lost_rows": {"packets": 3}}
    write_session(recordings / "hurt", packets=some_packets(500), steps=some_steps(50), meta=hurt)
    broken = write_session(recordings / "broken", packets=some_packets(5), steps=None, meta={})
    (broken.path / "packets.parquet").write_bytes(b"x")
    live = {"source": "live", "period_ns": PERIOD_NS}
    core = make_core()
    played = [core.step(k, 1, k * PERIOD_NS, ()) for k in range(1, 102)]
    write_session(recordings / "slow", packets=[], steps=played[::2], meta=live)
    write_session(recordings / "quick", packets=[], steps=played, meta=live)
    cut_off(recordings)
    head, *rows, unfinished = said(capsys, "takes", "list")
    assert head.split() == ["take", "length", "size", "present", "health", "tags"]
    by_name = {row.split()[0]: row for row in rows}
    assert "1:20" in by_name["good"]
    assert by_name["good"].endswith("good    premiere berlin") or by_name["good"].split()[-3:] == [
        "good",
        "premiere",
        "berlin",
    ]
    assert "motion 100%" in by_name["good"]
    assert "cut off: the process or the machine stopped; 3 rows lost" in by_name["hurt"]
    assert by_name["slow"].endswith("50% of ticks skipped")
    assert by_name["quick"].endswith("good")
    assert "damaged" in by_name["broken"]
    assert unfinished == ".fallen.recording: cut off; to make it a take: choreo takes recover"
    assert [row.split()[0] for row in said(capsys, "takes", "list", "--tag", "berlin")][1:2] == ["good"]


def test_recover_makes_takes_and_says_so(recordings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cut_off(recordings)
    assert said(capsys, "takes", "recover") == [f"{recordings / 'fallen'}: 0.2 s"]
    assert open_session(recordings / "fallen").meta["ticks"] == 10
    assert said(capsys, "takes", "recover") == ["every recording is a take"]
    assert said(capsys, "replay", str(recordings / "fallen"))[-1].endswith(
        "10 ticks of recorded controls reproduced exactly"
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"period_ns": "soon"},
        {"period_ns": 0},
        {"name": "../../elsewhere"},
        {"name": 7, "id": None},
        {"created": []},
        {"performers": 0, "bits": [14], "tags": 5},
        {"control_map": {"tension": {"cc": 500}}},
        {"mine": float("nan")},
    ],
)
def test_a_manifest_of_nonsense_does_no_harm(recordings: Path, changes: dict[str, object]) -> None:
    take = cut_off(recordings)
    manifest = json.loads((take.folder / "manifest.json").read_text()) | changes
    (take.folder / "manifest.json").write_text(json.dumps(manifest))
    assert exit_code_of(choreo, ["takes", "recover"]) == 0
    assert [path.name for path in recordings.iterdir()] == ["fallen"]
    assert open_session(recordings / "fallen").meta["ticks"] == 10


def test_one_that_cannot_be_finished_is_an_error_and_stays(
    recordings: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    take = cut_off(recordings)

    def full(self: object, batch: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pq.ParquetWriter, "write_batch", full)
    assert exit_code_of(choreo, ["takes", "recover"]) == 3
    assert "free space" in capsys.readouterr().out
    assert take.folder.is_dir()


def test_what_the_end_of_a_show_says(recordings: Path) -> None:
    assert finish_now(cut_off(recordings).folder) == f"take      {recordings / 'fallen'}  0.2 s, 10 ticks"


def test_room_is_looked_for_before_the_show(recordings: Path, tmp_path: Path) -> None:
    require_room(load_settings())
    with pytest.raises(ChoreoError, match=r"can't record in .* MB have to stay free") as caught:
        require_room(load_settings(overrides=["recorder.keep_free_mb=999999"]))
    assert "-o recorder.folder=FOLDER" in caught.value.fix
    (tmp_path / "file").touch()
    with pytest.raises(ChoreoError, match="can't record in"):
        require_room(load_settings(overrides=[f"recorder.folder={tmp_path / 'file'}"]))


def everything(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.parametrize(
    ("named", "told"),
    [
        ("takes/good", "is a take already"),
        ("good", "is a take already"),
        ("takes", "is not a recording; expected a folder with a name like .show.recording"),
        ("mine", "is not a recording"),
        ("mine/notes.txt", "is not a recording"),
        (".", "is not a recording"),
        ("..", "is not a recording"),
        ("nosuch", "there is no recording nosuch"),
        ("takes/nosuch", "there is no recording"),
    ],
)
def test_what_is_no_recording_is_left_alone_and_named(
    recordings: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    named: str,
    told: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    write_session(recordings / "good", packets=some_packets(200), steps=some_steps(50), meta={})
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("precious")
    before = everything(tmp_path)
    assert exit_code_of(choreo, ["takes", "recover", named]) == 3
    assert told in capsys.readouterr().out
    assert everything(tmp_path) == before


def test_what_is_recorded_now_is_named_and_left(recordings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = cut_off(recordings).folder
    lock = RealDisk().lock(folder / "LOCK")
    assert lock is not None
    with lock:
        before = everything(folder)
        for named in ((), ("fallen",)):
            assert said(capsys, "takes", "recover", *named)[0] == ".fallen.recording: being recorded now"
        assert everything(folder) == before


def test_a_recording_of_another_user_stops_nobody(
    recordings: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, real = cut_off(recordings).folder, os.access
    cut_off(recordings, "mine")
    monkeypatch.setattr(os, "access", lambda path, mode, **more: path != folder and real(path, mode, **more))
    left: list[Path] = []
    monkeypatch.setattr("choreo_service.service.finishing.finish_apart", lambda *folders: left.extend(folders))
    assert finish_left_over(recordings) == "1 recording"
    assert [path.name for path in left] == [".mine.recording"]
    assert said(capsys, "takes", "recover") == [f"{recordings / 'mine'}: 0.2 s"]
    assert folder.is_dir()


@pytest.mark.parametrize("name", ["../elsewhere", ".hidden", "a/b", ""])
def test_a_name_is_a_folder_in_recordings(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    if name:
        assert exit_code_of(choreo, ["record", "--name", name]) == 2
        assert "letters, digits" in capsys.readouterr().err


def test_the_names_of_the_list_are_enough(
    recordings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_session(recordings / "premiere", packets=some_packets(200), steps=some_steps(50), meta={})
    fallen = cut_off(recordings).folder
    assert said(capsys, "takes", "tag", "premiere", "x") == ["premiere: x"]
    assert open_session(recordings / "premiere").meta["tags"] == ["x"]
    (line,) = said(capsys, "takes", "export", "premiere", "--to", "csv")
    assert line.startswith(f"{recordings / 'premiere-csv'}: ")
    (line,) = said(capsys, "takes", "recover", fallen.name)
    assert line.startswith(f"{recordings / 'fallen'}: ")
    cut_off(recordings, "again")
    (line,) = said(capsys, "takes", "recover", "again")
    assert line.startswith(f"{recordings / 'again'}: ")
    assert exit_code_of(choreo, ("takes", "tag", "premeire", "x")) == 3
    assert "no take at premeire" in capsys.readouterr().err


def test_a_folder_here_goes_before_a_name_of_the_list(
    recordings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in (recordings, tmp_path):
        write_session(folder / "twice", packets=some_packets(200), steps=None, meta={})
    assert said(capsys, "takes", "tag", "twice", "here") == ["twice: here"]
    assert open_session(tmp_path / "twice").meta["tags"] == ["here"]
    assert not open_session(recordings / "twice").meta.get("tags")
