"""Takes as they are found, scrubbed, compared, tagged, taken away and judged in the page."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import mido
import pytest
from rig.osc_ear import OscEar
from rig.pages import Pages, PageShow, answered

from choreo_service.session.meta import META_FILE, read_meta

LOOK_ELSEWHERE = """() => {
  const real = window.fetch; // as if the take had been removed meanwhile
  const elsewhere = (request) => request?.body && { ...request, body: request.body.replace('beta', 'gone') };
  window.fetch = (path, request) => real(path, elsewhere(request));
}"""

pytestmark = [pytest.mark.peer("chromium"), pytest.mark.slow]

RECORD_IS_ON = (
    "() => [...document.querySelectorAll('[aria-pressed=true]')].some((b) => b.innerText.startsWith('Record'))"
)
CLOSER = "() => [...document.querySelectorAll('.hint.num')].every((line) => line.innerText.startsWith('0:09'))"
FITS = (
    "() => [...document.querySelectorAll('.uplot')].every((plot) => plot.getBoundingClientRect().right <= innerWidth)"
)


def _chosen(page: Any, name: str) -> str:
    page.get_by_label(f"show {name}").check()
    told = page.get_by_label(name, exact=True).locator(".hint.num")
    page.wait_for_function("(line) => line.innerText.includes('read in')", arg=told.element_handle())
    text: str = told.inner_text()
    return text


def test_two_takes_are_compared_and_looked_at_closely(pages: Pages, show: PageShow, shots: Path) -> None:
    def act(page: Any) -> None:
        assert _chosen(page, "alpha").startswith("0:00.0 to 0:3")
        _chosen(page, "beta")
        assert page.locator(".uplot").count() == 4  # controls and body of both
        page.get_by_role("button", name="closer").first.click()
        page.wait_for_function(CLOSER)
        box = page.locator(".u-over").first.bounding_box()
        page.mouse.move(box["x"] + 50, box["y"] + 50)
        page.locator(".u-legend .u-value", has_text="0:").first.wait_for()  # the cursor reads values off
        page.set_viewport_size({"width": 390, "height": 844})  # the tablet is turned
        page.wait_for_function(FITS)

    pages.visit(f"{show.url}/takes", act, shot=shots / "takes-two.png")


@pytest.mark.data
def test_an_hour_opens_at_once_and_stalls_nobody(
    pages: Pages, ear: OscEar, data_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = tmp_path_factory.mktemp("hour")
    argv = [str(Path(sys.executable).with_name("choreo-lab")), "import", str(data_dir / "stress_predict" / "S25")]
    subprocess.run([*argv, "--out", str(root)], check=True, capture_output=True, timeout=300)
    stalls: list[int] = []
    show = PageShow(ear.port, root)
    show.service.listeners.append(lambda tick, _packets, _step: stalls.append(tick.late_ns))
    with show:

        def act(page: Any) -> str:
            page.get_by_label("show S25").wait_for()
            stalls.clear()
            return _chosen(page, "S25")

        told = pages.visit(f"{show.url}/takes", act)
    print(f"53 minutes: {told}; tick at most {max(stalls) / 1e6:.1f} ms late meanwhile")
    assert "of 53:" in told


def test_a_take_is_seen_to_grow(pages: Pages, show: PageShow) -> None:
    facts = {"state": "recording", "take": "friday", "elapsed_s": 61.0, "bytes": 2_400_000, "minutes_left": 90.0}
    show.service.facts["recording"] = lambda: {**facts, "reason": ""}

    def act(page: Any) -> None:
        page.get_by_text("● friday 1:01 · 2.4 MB · 90 min left").wait_for()
        page.wait_for_function(RECORD_IS_ON)
        facts["minutes_left"] = 4.0
        page.goto(f"{show.url}/health")
        page.get_by_text("disk full in 4 minutes").wait_for()

    try:
        pages.visit(show.url, act)
    finally:
        del show.service.facts["recording"]


def test_a_tag_typed_in_the_page_finds_the_take(pages: Pages, show: PageShow, recordings: Path) -> None:
    def act(page: Any) -> None:
        page.get_by_label("show beta").check()
        box = page.get_by_label("tags of beta")
        box.fill("berlin, two-words")
        box.press("Enter")
        answered(page, "tags kept ✓")
        page.get_by_role("searchbox").fill("berlin")
        page.get_by_label("show alpha").wait_for(state="detached")
        assert page.get_by_role("table", name="Takes").locator("tbody tr").count() == 1
        box.fill("§")
        page.get_by_role("button", name="Keep").click()
        answered(page, "'§' is no tag")

    pages.visit(f"{show.url}/takes", act, faults_allowed=True)  # Chromium calls a refusal an error
    assert read_meta(recordings / "beta" / META_FILE)["tags"] == ["berlin", "two-words"]


def test_a_take_is_taken_away_as_a_file(pages: Pages, show: PageShow, tmp_path: Path) -> None:
    def act(page: Any) -> None:
        page.get_by_label("show beta").check()
        with page.expect_download() as coming:
            page.get_by_role("button", name="MIDI", exact=True).click()
        assert coming.value.suggested_filename == "beta.mid"
        coming.value.save_as(tmp_path / "beta.mid")

    pages.visit(f"{show.url}/takes", act)
    assert mido.MidiFile(tmp_path / "beta.mid").length > 30.0


def test_the_report_a_take_has_is_shown_in_the_page(pages: Pages, show: PageShow, shots: Path) -> None:
    def act(page: Any) -> None:
        page.get_by_label("show alpha").check()
        page.get_by_role("button", name="Show", exact=True).click()
        heading = page.frame_locator("iframe.report").get_by_role("heading", name="Groove report: alpha")
        heading.wait_for()
        assert heading.evaluate("(h) => getComputedStyle(h).color") == "rgb(0, 128, 0)"  # its own style is allowed

    pages.visit(f"{show.url}/takes", act, size=(1280, 720), shot=shots / "takes-report.png")


def test_a_report_that_cannot_be_made_says_why(pages: Pages, show: PageShow) -> None:
    def act(page: Any) -> None:
        page.evaluate(LOOK_ELSEWHERE)
        page.get_by_label("show beta").check()
        page.get_by_role("button", name="Measure", exact=True).click()
        page.get_by_text("no take 'gone'").wait_for()

    pages.visit(f"{show.url}/takes", act, faults_allowed=True)
