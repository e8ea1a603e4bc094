"""A newcomer's first quarter of an hour, by what the page itself says: see it, hear it, patch it, record it, judge it.

CHOREO_WALK_SECONDS is how long the take is: 6 here, 30 in the soak.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from rig.jack_server import JackServer
from rig.midi_sink import CONTROL_CHANGE, MidiSink
from rig.pages import Pages, answered
from rig.process import Process, wait_until

pytestmark = [pytest.mark.peer("chromium", "jackd"), pytest.mark.slow]

SECONDS = float(os.environ.get("CHOREO_WALK_SECONDS", "6"))
PATIENCE_MS = 240_000  # for what a slow machine may take long over; the walk waits for states, never for a time
DENSITY, ALL = 21, {20, 21, 22, 23, 24}
ENOUGH = 10  # messages
GROWN = """(seconds) => {
  const told = document.body.innerText.match(/● (\\S+) (\\d+):(\\d+)/);
  return told && 60 * told[2] + +told[3] >= seconds && told[1];
}"""


class Demo(Process):
    """What `make run-sim` starts, on a free port and with a folder of recordings of its own."""

    def __init__(self, folder: Path, server: JackServer) -> None:
        program = str(Path(sys.executable).with_name("choreo"))
        options = ("-o", "dashboard.port=0", "-o", f"recorder.folder={folder / 'recordings'}")
        super().__init__((program, "demo", *options), env=server.env)

    @property
    def name(self) -> str:
        return "choreo demo"

    @property
    def url(self) -> str:
        """As it is printed."""
        found = re.search(r"open\s+page\s+(http://\S+)", self.output())
        return found[1] if found else ""

    def is_ready(self) -> bool:
        return bool(self.url)


def test_a_newcomer_sees_hears_patches_records_and_judges(
    pages: Pages, jack_server: JackServer, midi_sink: MidiSink, tmp_path: Path, shots: Path
) -> None:
    demo = Demo(tmp_path, jack_server).start(timeout_s=60.0)
    try:
        wait_until(lambda: jack_server.find_port("choreo:") is not None, "the MIDI port choreo", 60.0)
        jack_server.connect(str(jack_server.find_port("choreo:")), midi_sink.midi_in)

        def act(page: Any) -> None:
            page.set_default_timeout(PATIENCE_MS)
            _see(page)
            _hear(page)
            _patch(page, midi_sink)
            _judge(page, _record(page), shots)

        pages.visit(demo.url, act, size=(1280, 720), shot=shots / "newcomer-report.png")
    finally:
        demo.stop()


def _see(page: Any) -> None:
    page.get_by_text("connected", exact=True).wait_for()
    before = page.locator(".value").all_inner_texts()
    assert len(before) == 5
    page.wait_for_function(
        "(b) => [...document.querySelectorAll('.value')].some((n, i) => n.innerText !== b[i])", arg=before
    )


def _hear(page: Any) -> None:
    page.get_by_role("button", name="Listen here").click()
    answered(page, "listening: your five controls play")
    page.wait_for_function("() => choreo.heard().rms > 1e-3")  # of the page's own analyser
    page.keyboard.press("a")
    answered(page, "silent")


def _patch(page: Any, synth: MidiSink) -> None:
    def numbers(since: int) -> list[int]:
        return [event[1] for event in synth.state().events[since:] if event[0] & 0xF0 == CONTROL_CHANGE]

    page.get_by_role("link", name="Map", exact=True).click()
    wait_until(lambda: set(numbers(0)) == ALL, "all five controllers", PATIENCE_MS / 1e3)
    page.get_by_role("button", name="map density").click()
    answered(page, "map density ✓")
    page.locator("[aria-pressed=true]", has_text="map").first.wait_for()
    wait_until(lambda: set(numbers(-ENOUGH)) == {DENSITY}, "the mapped controller alone")
    since = len(synth.state().events)
    wait_until(lambda: len(numbers(since)) >= ENOUGH, "its sweep")
    assert set(numbers(since)[:ENOUGH]) == {DENSITY}
    page.get_by_role("button", name="map density").click()
    wait_until(lambda: set(numbers(since)) == ALL, "the others again", PATIENCE_MS / 1e3)


def _record(page: Any) -> str:
    page.get_by_role("link", name="Live", exact=True).click()
    page.get_by_role("button", name="Record").click()
    answered(page, "record ✓")
    take: str = page.wait_for_function(GROWN, arg=SECONDS).json_value()
    page.get_by_role("button", name="Record").click()
    page.wait_for_function("() => !/● \\S+ \\d+:/.test(document.body.innerText)")
    return take


def _judge(page: Any, take: str, shots: Path) -> None:
    page.get_by_role("link", name="Takes", exact=True).click()
    page.locator(f"[aria-label='show {take}']:enabled").check()  # once the recording has become a take
    panel = page.get_by_label(take, exact=True)
    panel.get_by_text("read in").wait_for()
    panel.get_by_role("button", name="closer").click()
    panel.get_by_text(re.compile(r"^0:0[1-9]\.\d to ")).wait_for()
    page.screenshot(path=str(shots / "newcomer-takes.png"))
    panel.get_by_role("button", name="Measure", exact=True).click()
    panel.get_by_text("measured just now").wait_for()
    report = panel.frame_locator("iframe.report")
    report.get_by_role("heading", name=f"Groove report: {take}").wait_for()
    assert report.locator("svg").count() > 0
