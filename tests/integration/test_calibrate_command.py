"""`choreo calibrate body` as a user types it, from a recording."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from guided_takes import guided, packets

from choreo_service.cli import choreo
from choreo_service.cli.failure import exit_code_of
from choreo_service.config import load_settings
from choreo_service.service.playing import build_core
from choreo_service.session import write_session


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    assert exit_code_of(choreo, ["init", str(tmp_path / "show")]) == 0
    return tmp_path / "show"


def take(workspace: Path, **how: float) -> Path:
    # a little longer than asked for, as a recording is
    parts = [*guided(**how), *guided(**how)[1:2]]
    return write_session(workspace / "recordings" / "anna", packets=iter(packets(parts)), steps=None, meta={}).path


def calibrate(workspace: Path, *arguments: str) -> int:
    return exit_code_of(choreo, ["calibrate", "body", *arguments, "--home", str(workspace)])


def test_a_take_becomes_a_profile_that_plays(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert calibrate(workspace, "anna", "--take", str(take(workspace))) == 0
    said = capsys.readouterr().out
    assert [line.split()[0] for line in said.splitlines() if "/3" in line] == ["1/3", "2/3", "3/3"]
    assert "engine.bodies: [anna]" in said
    found = yaml.safe_load((workspace / "profiles" / "anna.yaml").read_text())
    assert found["ranges"]["motion_freq"]["mean"] == pytest.approx(1.8, rel=0.03)
    assert found["source"] == "take anna"
    loaded = load_settings(home=workspace, overrides=("engine.bodies=[anna]",), environ={})
    features = build_core(loaded).state()["engine"]["models"][0]["features"]
    assert features["mean"][0, 0] == pytest.approx(found["ranges"]["motion_energy"]["mean"], abs=1e-3)
    assert features["count"][0, 0] == pytest.approx(50 * found["moved_s"])


def test_a_bad_take_writes_nothing_and_says_why(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert calibrate(workspace, "anna", "--take", str(take(workspace, shaken=1.5))) == 1
    assert '"stand still" was not still' in capsys.readouterr().err
    assert not (workspace / "profiles").exists()


def test_a_profile_is_not_lost_by_a_second_try(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = str(take(workspace))
    assert calibrate(workspace, "anna", "--take", folder) == 0
    assert calibrate(workspace, "anna", "--take", folder) == 2
    assert "is there already" in capsys.readouterr().err
    assert calibrate(workspace, "anna", "--take", folder, "--replace") == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("Anna",), "can't name a body"),
        (("../anna",), "can't name a body"),
        (("anna", "--performer", "1"), "no performer 1"),
        (("anna", "--take", "nowhere"), "no take at nowhere"),
        (("anna", "--still", "1"), "--still"),
        (("anna", "-o", "sensors.phone=null"), "no sensor to listen to"),
        (("anna", "-o", "sensors.phone={type: session_replay, path: nowhere}"), "no take at nowhere"),
    ],
)
def test_what_cannot_be_done_is_said_before_the_minute(
    workspace: Path, arguments: tuple[str, ...], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert calibrate(workspace, *arguments) in (2, 3)
    assert says in capsys.readouterr().err


def test_a_take_that_is_too_short_is_refused(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert calibrate(workspace, "anna", "--take", str(take(workspace)), "--full", "300") == 1
    assert 'ended in "move fully", before its 340 s were over' in capsys.readouterr().err
