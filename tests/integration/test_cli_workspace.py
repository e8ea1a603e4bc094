"""The first minutes of a newcomer, with the real service: init, check, play, in a folder of one's own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

CHOREO = [sys.executable, "-m", "choreo_service"]
QUIET = ("-o", "bridges.midi=null", "-o", "log.level=error")


def _run(cwd: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environ = {k: v for k, v in os.environ.items() if not k.startswith("CHOREO_")}
    return subprocess.run(
        [*CHOREO, *arguments], cwd=cwd, env=environ, capture_output=True, text=True, timeout=90, check=False
    )


@pytest.fixture(scope="module")
def show(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace made by `choreo init`."""
    folder = tmp_path_factory.mktemp("stage") / "show"
    done = _run(folder.parent, "init", "show")
    assert done.returncode == 0, done.stderr
    return folder


def test_a_fresh_workspace_is_complete_and_checked(show: Path) -> None:
    done = _run(show, "config", "check")
    assert done.returncode == 0, done.stderr
    assert str(show / "configs" / "control_map.yaml") in done.stdout
    assert {path.name for path in show.iterdir()} == {"README.md", "configs", "recordings", "checkpoints"}
    assert _run(show, "config", "schema", "--check").returncode == 0


def test_the_demo_plays_and_sums_up(show: Path) -> None:
    done = _run(show, "demo", "--headless", "--seconds", "1", *QUIET)
    assert done.returncode == 0, done.stderr
    assert "ticks" in done.stdout
    assert "Traceback" not in done.stderr


def test_run_stops_in_order_at_a_signal(show: Path) -> None:
    arguments = ("demo", "--headless", *QUIET, "-o", "output.exit_ease_s=0")
    with subprocess.Popen([*CHOREO, *arguments], cwd=show, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        first = process.stdout.readline()  # its opening lines: it plays
        process.send_signal(signal.SIGTERM)
        rest = process.stdout.read()
    assert first
    assert process.returncode == 0
    assert "ticks" in rest


def test_a_recording_that_waits_says_for_what_and_that_there_was_no_take(show: Path) -> None:
    waits = ("-o", "sensors.phone.port=0", "-o", "dashboard.enabled=false", "-o", "output.exit_ease_s=0")
    done = _run(show, "record", "--auto", "--seconds", "0.2", *QUIET, *waits)
    assert done.returncode == 0, done.stderr
    assert "take      waits for phone (osc_motion)" in done.stdout
    assert "no take: the sensors were never all live" in done.stdout.splitlines()[-1]
    assert "choreo record" in done.stdout.splitlines()[-1]


def test_doctor_speaks_json(show: Path) -> None:
    done = _run(show, "doctor", "--quick", "--json")
    report = json.loads(done.stdout)
    assert done.returncode == (0 if report["ok"] else 1)
    names = {finding["name"] for finding in report["findings"]}
    assert names >= {"configuration", "python", "packages", "tick", "midi", "checkpoints", "network"}
    assert all(finding["fix"] for finding in report["findings"] if finding["status"] != "ok")
