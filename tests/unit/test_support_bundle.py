"""The support bundle tells a show's story and nothing about persons."""

from __future__ import annotations

import getpass
import json
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner

from choreo_service.cli import choreo
from choreo_service.cli.failure import Invocation
from choreo_service.doctor.bundle import Redactor, write_bundle
from choreo_service.errors import ChoreoError


def bundle(tmp_path: Path, *arguments: str) -> dict[str, str]:
    """`choreo support-bundle` into a file -> name: text."""
    path = tmp_path / "out.zip"
    done = CliRunner().invoke(
        choreo, ["support-bundle", str(path), *arguments], obj=Invocation("choreo"), catch_exceptions=False
    )
    assert done.exit_code == 0, done.output
    with zipfile.ZipFile(path) as packed:
        return {name: packed.read(name).decode() for name in packed.namelist()}


def test_it_holds_findings_settings_and_the_last_logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    (tmp_path / "choreo").mkdir()
    story = (
        '{"event": "bridge.down", "target": "192.0.2.7:57120"}\n{"event": "bridge.up", "target": "192.0.2.7:57120"}\n'
    )
    (tmp_path / "choreo" / "show.log").write_text(story)
    files = bundle(tmp_path, "-o", "engine.seed=123")
    assert set(files) == {"doctor.json", "doctor.txt", "config.txt", "show.log"}
    assert json.loads(files["doctor.json"])["findings"]
    assert "engine.seed: 123" in files["config.txt"]
    first, second = files["show.log"].splitlines()
    assert json.loads(first)["event"] == "bridge.down"
    assert json.loads(first)["target"] == json.loads(second)["target"]  # still one and the same receiver
    assert "192.0.2.7" not in "".join(files.values())


def test_names_of_user_and_machine_are_gone(tmp_path: Path) -> None:
    everything = "".join(bundle(tmp_path).values())
    assert str(Path.home()) not in everything
    assert f"/{getpass.getuser()}/" not in everything


def test_a_configuration_that_is_refused_can_be_sent_too(tmp_path: Path) -> None:
    assert "allowed: a number from 5 to 50" in bundle(tmp_path, "-o", "engine.period_ms=1")["config.txt"]


@pytest.mark.parametrize(
    ("found", "left"),
    [
        ('{"token": "s3cr3t", "port": 1}', '{"token": (removed), "port": 1}'),
        ("dashboard.pin: 1234  # file", "dashboard.pin: (removed)  # file"),
        ("mapping: {a: b}, pings: 3", "mapping: {a: b}, pings: 3"),
        ("strap A0:9E:1A:00:11:22 at 10.0.0.5", "strap device-1 at address-2"),
        ("binds 127.0.0.1:9000 and 0.0.0.0", "binds 127.0.0.1:9000 and 0.0.0.0"),
        ("fe80::1ff:fe23:4567:890a went away", "address-1 went away"),
        ("version 2.1.0.1.3 stays", "version 2.1.0.1.3 stays"),
        ("/home/ada/show by ada, not adagio", "~/show by user, not adagio"),
    ],
)
def test_what_is_taken_out_and_what_stays(found: str, left: str) -> None:
    assert Redactor([("/home/ada", "~"), ("ada", "user")])(found) == left


def test_a_file_that_is_there_stays(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_text("mine")
    with pytest.raises(ChoreoError, match="there already"):
        write_bundle(tmp_path / "a.zip", {})
    assert (tmp_path / "a.zip").read_text() == "mine"
