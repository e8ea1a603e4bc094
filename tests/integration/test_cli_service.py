"""The files `choreo service` prints are what systemd and launchd take, whatever stands in paths and options."""

from __future__ import annotations

import os
import plistlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from choreo_service.cli import choreo
from choreo_service.cli.failure import Invocation
from choreo_service.errors import ChoreoError, ConfigError


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


ODD_NAMES = ["50% $HOME", "a 'b' c", 'a "b" c', "b\\n c\\", "<a> & 'b' ]]>", "$ ends in a blank "]


@pytest.fixture(params=ODD_NAMES)
def odd(workspace: Path, request: pytest.FixtureRequest) -> Path:
    return shutil.copytree(workspace, workspace.parent / request.param)


def test_percent_and_dollar_mean_themselves(workspace: Path) -> None:
    folder = shutil.copytree(workspace, workspace.parent / "50% $HOME")
    lines = _choreo("service", "systemd", "--system", "--home", str(folder)).output.splitlines()
    (start,) = (line for line in lines if line.startswith("ExecStart="))
    assert start.endswith('50%% $$HOME"')
    assert f"WorkingDirectory={workspace.parent}/50%% $HOME/" in lines  # only commands know variables
    (writes,) = (line for line in lines if line.startswith("ReadWritePaths="))
    assert writes.startswith(f'ReadWritePaths="{workspace.parent}/50%% $HOME" ')


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such names")
def test_a_property_list_takes_any_name(odd: Path) -> None:
    out = _choreo("service", "launchd", "--home", str(odd)).output
    told = plistlib.loads(out.encode())
    assert told["ProgramArguments"][1:] == ["run", "--home", str(odd)]
    assert told["WorkingDirectory"] == str(odd)


@pytest.mark.peer("systemd-analyze")
def test_systemd_reads_any_name_as_it_is(odd: Path, tmp_path: Path) -> None:
    unit = tmp_path / "choreo.service"
    text = _choreo("service", "systemd", "--system", "--home", str(odd)).output
    program = text.split('ExecStart="')[1].split('"')[0]
    unit.write_text(text.replace(program, str(shutil.which("true"))), encoding="utf-8")
    checked = subprocess.run(
        ["systemd-analyze", "verify", str(unit)],
        env={**os.environ, "SYSTEMD_LOG_LEVEL": "debug"},  # tells what it has read
        capture_output=True,
        text=True,
        timeout=60,
    )
    read = [line.lstrip("\t") for line in checked.stdout.splitlines()]
    assert checked.returncode == 0, checked.stderr
    assert f"WorkingDirectory: {odd}" in read
    assert any(line.startswith(f"ReadWritePaths: {odd} -") for line in read)
    shown = (
        str(odd).replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$\\$")
    )  # for a shell, variables as written
    assert any(line.startswith("Command Line: ") and line.endswith(f' "{shown}"') for line in read)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such names")
@pytest.mark.parametrize("end", ["\n", "\r"])
def test_a_name_that_would_end_a_line_is_refused(workspace: Path, end: str) -> None:
    folder = shutil.copytree(workspace, workspace.parent / f"a{end}User=root")
    with pytest.raises(ChoreoError, match="holds a line break"):
        _choreo("service", "systemd", "--home", str(folder))


def test_a_bad_configuration_is_refused_before_it_becomes_a_service(workspace: Path) -> None:
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
