"""The files `choreo service` prints are what systemd and launchd take, whatever stands in paths and options."""

from __future__ import annotations

import os
import plistlib
import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from choreo_service.cli import choreo
from choreo_service.cli.failure import Invocation


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    home = tmp_path / "my show & more"
    assert _choreo("init", str(home)).exit_code == 0
    return home


def _choreo(*arguments: str):  # type: ignore[no-untyped-def]
    return CliRunner().invoke(choreo, arguments, obj=Invocation("choreo"), catch_exceptions=False)


def test_the_property_list_starts_this_workspace(workspace: Path) -> None:
    out = _choreo("service", "launchd", "--home", str(workspace), "-o", "output.exit_ease_s=3").output
    told = plistlib.loads(out.encode())
    assert told["ProgramArguments"][1:] == ["run", "--home", str(workspace), "-o", "output.exit_ease_s=3"]
    assert told["WorkingDirectory"] == str(workspace)
    assert told["ExitTimeOut"] == 8  # the easing has its time


def test_the_unit_is_watched_by_its_ticks_and_has_few_rights(workspace: Path) -> None:
    unit = _choreo("service", "systemd", "--home", str(workspace), "-p", "stage").output
    lines = dict(line.split("=", 1) for line in unit.splitlines() if "=" in line and not line.startswith("#"))
    assert (lines["Type"], lines["WatchdogSec"], lines["Restart"]) == ("notify", "2", "always")
    assert lines["ExecReload"] == "kill -HUP $MAINPID"
    assert lines["ExecStart"].endswith(f'"run" "--home" "{workspace}" "--profile" "stage"')
    assert (lines["UMask"], lines["NoNewPrivileges"]) == ("0077", "true")


def test_the_system_s_unit_may_write_where_logs_and_learnt_controllers_are_kept(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/home/anna/her state")
    unit = _choreo("service", "systemd", "--system", "--home", str(workspace)).output
    assert f'ReadWritePaths="{workspace}" "-/home/anna/her state/choreo"\n' in unit  # "-": it need not be there yet


@pytest.mark.parametrize("system", ["systemd", "launchd"])
def test_a_standby_is_part_of_the_command(workspace: Path, system: str) -> None:
    text = _choreo("service", system, "--home", str(workspace), "--standby").output
    assert ('"run" "--standby" "--home"' if system == "systemd" else "<string>--standby</string>") in text


def test_percent_and_dollar_mean_themselves(workspace: Path) -> None:
    folder = workspace.parent / "50% $HOME"
    shutil.copytree(workspace, folder)
    unit = _choreo("service", "systemd", "--home", str(folder)).output
    assert '50%% $$HOME"' in unit
    assert "WorkingDirectory=" in unit


def test_a_bad_configuration_is_refused_before_it_becomes_a_service(workspace: Path) -> None:
    from choreo_service.errors import ConfigError

    with pytest.raises(ConfigError, match="period_ms"):
        _choreo("service", "systemd", "--home", str(workspace), "-o", "engine.period_ms=1")


@pytest.mark.peer("systemd-analyze")
@pytest.mark.parametrize("scope", ["--user", "--system"])
def test_systemd_accepts_the_unit(workspace: Path, tmp_path: Path, scope: str) -> None:
    unit, options = tmp_path / "choreo.service", ["--system"] if scope == "--system" else []
    text = _choreo("service", "systemd", "--home", str(workspace), *options).output
    program = text.split('ExecStart="')[1].split('"')[0]
    unit.write_text(text.replace(program, str(shutil.which("true"))), encoding="utf-8")
    checked = subprocess.run(
        ["systemd-analyze", "verify", scope, str(unit)],
        env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert str(unit) not in checked.stderr
    assert (checked.returncode, checked.stderr) == (0, "")


@pytest.mark.peer("systemd-analyze")
def test_the_systems_unit_is_little_exposed(workspace: Path, tmp_path: Path) -> None:
    """By systemd's own scale of 0 (least) to 10; a unit without hardening has 9.2."""
    unit = tmp_path / "choreo.service"
    unit.write_text(_choreo("service", "systemd", "--system", "--home", str(workspace)).output, encoding="utf-8")
    told = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", str(unit)], capture_output=True, text=True, timeout=60
    )
    print(told.stdout.splitlines()[-1])
    assert float(told.stdout.split("exposure level for choreo.service:")[1].split()[0]) <= 3.0
