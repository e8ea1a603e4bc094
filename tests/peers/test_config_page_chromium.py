"""The Config page over a real service: a value is edited, the difference is looked at, one click writes the file."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rig.pages import Pages
from rig.process import wait_until

pytestmark = [pytest.mark.peer("chromium"), pytest.mark.slow]

MINE = "# Anna's show\noutput:\n  exit_ease_s: 0.1   # short\n"


class Show:
    """`choreo demo` in a workspace of its own, with its page at `url`."""

    def __init__(self, home: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        options = [f"dashboard.port={port}", "bridges.midi=null", "doors.osc=null", "engine.mapper=rules"]
        argv = [sys.executable, "-m", "choreo_service", "demo", "--headless", "--home", str(home)]
        argv += [part for option in options for part in ("-o", option)]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, text=True)
        wait_until(self._answers, "the page is open", timeout_s=60.0)

    def end(self) -> list[dict[str, Any]]:
        """What it logged, after an orderly end."""
        self.process.terminate()
        _, log = self.process.communicate(timeout=30)
        return [json.loads(line) for line in log.splitlines() if line.startswith("{")]

    def _answers(self) -> bool:
        try:
            urllib.request.urlopen(f"{self.url}/healthz").close()
        except OSError:
            return False
        return True


@pytest.fixture
def home(tmp_path: Path, repo_root: Path) -> Path:
    shutil.copytree(repo_root / "configs", tmp_path / "configs")
    (tmp_path / "configs" / "local.yaml").write_text(MINE)
    return tmp_path


@pytest.fixture
def show(home: Path) -> Iterator[Show]:
    running = Show(home)
    yield running
    running.process.kill()
    running.process.communicate()


def test_a_value_is_edited_looked_at_and_written_into_the_file(show: Show, home: Path) -> None:
    def act(page: Any) -> None:
        for key, value in (("output.ease_ms", "750"), ("engine.period_ms", "25")):
            page.get_by_label(key).fill(value)
            page.get_by_label(key).press("Tab")
        patch = page.locator("pre.patch", has_text="+  period_ms: 25")
        patch.wait_for()
        assert "+  ease_ms: 750" in patch.inner_text()
        assert (home / "configs" / "local.yaml").read_text() == MINE  # only shown so far
        page.get_by_text("From the next start on: engine.period_ms").wait_for()
        page.get_by_role("button", name="Write into").click()
        page.locator(".toast", has_text="written ✓").wait_for()
        page.get_by_text("What it held before:").wait_for()
        origin = page.locator(".key", has=page.get_by_label("output.ease_ms")).get_by_text("local.yaml")
        origin.wait_for()  # the running show has read it again
        page.get_by_role("button", name="Read the files again").click()
        page.locator(".toast", has_text="reading the files again ✓").wait_for()
        page.locator(".toast", has_text="configuration read again; changed: nothing").wait_for()
        page.get_by_label("engine.mapper").select_option("auto")
        page.get_by_text("Not written from here").wait_for()  # -o stands above any file

    with Pages() as browser:
        browser.visit(f"{show.url}/config", act)
    events = [line["event"] for line in show.end()]
    wanted = MINE + "  ease_ms: 750\nengine:\n  period_ms: 25\n"
    assert (home / "configs" / "local.yaml").read_text() == wanted
    assert (home / "configs" / "local.yaml.bak").read_text() == MINE
    told = [event for event in events if event.startswith("config.")]
    assert told[:3] == ["config.written", "config.reloaded", "config.later"]
    assert set(told[3:]) <= {"config.reloaded", "config.later"}  # of the button, where it was quick enough
