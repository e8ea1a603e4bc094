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


def test_what_names_the_performers_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr("getpass.getuser", lambda: "ada")
    home = tmp_path / "solo for anna"
    CliRunner().invoke(choreo, ["init", str(home)], obj=Invocation("choreo"), catch_exceptions=False)
    (home / "profiles").mkdir(exist_ok=True)
    for name in ("anna", "ben"):
        (home / "profiles" / f"{name}.yaml").touch()
    (tmp_path / "state" / "choreo").mkdir(parents=True)
    (tmp_path / "state" / "choreo" / "show.log").write_text('{"event": "x", "file": "/media/ada/profiles/ben.yaml"}\n')
    options = ("--home", str(home), "-o", "engine.performers=2", "-o", "engine.bodies=[anna, ben]")
    secret = (
        "-o",
        "dashboard.lan=true",
        "-o",
        "dashboard.token=0123456789abcdefghijklmn",
        "-o",
        "dashboard.pin=246810",
    )
    files = bundle(tmp_path, *options, *secret)
    everything = "".join(files.values())
    for name in ("anna", "ben", "ada", "0123456789abcdefghijklmn", "246810", str(tmp_path)):
        assert name not in everything
    assert 'engine.bodies: ["body-1", "body-2"]' in files["config.txt"]
    assert "/media/user/profiles/body-2.yaml" in files["show.log"]


@pytest.mark.parametrize("trouble", [KeyError("uid not found: 1234"), OSError("no such user")])
def test_a_user_without_a_name_can_send_one_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trouble: Exception
) -> None:
    def nobody() -> str:
        raise trouble

    monkeypatch.setattr("getpass.getuser", nobody)
    write_bundle(tmp_path / "a.zip", {"x.txt": "choreo run"})
    with zipfile.ZipFile(tmp_path / "a.zip") as packed:
        assert packed.read("x.txt") == b"choreo run"


def test_a_name_that_is_nobodys_stays() -> None:
    """In the container the user is called choreo."""
    assert Redactor([("choreo", "user")])("choreo run: choreo.cli") == "choreo run: choreo.cli"


@pytest.mark.parametrize(
    ("found", "left"),
    [
        ('{"token": "s3cr3t", "port": 1}', '{"token": (removed), "port": 1}'),
        ("dashboard.pin: 1234  # file", "dashboard.pin: (removed)  # file"),
        ("mapping: {a: b}, pings: 3", "mapping: {a: b}, pings: 3"),
        ("strap A0:9E:1A:00:11:22 at 10.0.0.5", "strap device-1 at address-2"),
        ("binds 127.0.0.1:9000 and 0.0.0.0", "binds 127.0.0.1:9000 and 0.0.0.0"),
        ("strap 5B1F2C3D-9A8B-4C7D-8E6F-0123456789AB", "strap device-1"),
        ("service 0000180d-0000-1000-8000-00805f9b34fb", "service 0000180d-0000-1000-8000-00805f9b34fb"),
        ("Polar H10 8A2B3C4D (A0:9E:1A:00:11:22)", "Polar device-2 (device-1)"),
        ("12345678 accepted of POLAR", "12345678 accepted of POLAR"),
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
