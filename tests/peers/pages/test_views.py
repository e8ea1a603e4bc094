"""Every page over a running show, at the size of a desk and of a phone; and the stage, legible and locked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from rig.osc_ear import OscEar
from rig.pages import DESK, PHONE, TABLET, VIEWS, Pages, PageShow, settled

pytestmark = [pytest.mark.peer("chromium"), pytest.mark.slow]

CHANGED = "(before) => [...document.querySelectorAll('.value, .giant .num')].some((n, i) => n.innerText !== before[i])"
BOXES = """() => [...document.querySelectorAll('.giant')].map((giant) => {
  const number = giant.querySelector('.num'), range = document.createRange();
  range.selectNodeContents(number);
  const text = range.getBoundingClientRect(), box = giant.getBoundingClientRect();
  const inside = text.left >= box.left - 1 && text.right <= box.right + 1 && text.bottom <= innerHeight;
  return [parseFloat(getComputedStyle(number).fontSize), inside];
})"""

# How far anything in a table stands out of the screen, a number for each cell.
OVERHANG = """() => [...document.querySelectorAll('.rows td, .rows th')].filter((cell) => cell.checkVisibility())
  .map((cell) => Math.max(cell.getBoundingClientRect().right - innerWidth, cell.scrollWidth - cell.clientWidth - 1))"""

# What stands before a cell of the row of that name, and the cell's role: read at once, as a live table is built anew.
HEAD_OF = """([name, head]) => {
  const named = (row) => row.querySelector('[role=rowheader]')?.textContent === name;
  const cell = [...document.querySelectorAll('[role=row]')].find(named).querySelector(`[data-head='${head}']`);
  return [getComputedStyle(cell, '::before').content, cell.role];
}"""


def _numbers(page: Any) -> list[str]:
    texts: list[str] = page.locator(".value, .giant .num").all_inner_texts()
    return texts


@pytest.mark.parametrize("size", [DESK, TABLET, PHONE], ids=["desk", "tablet", "phone"])
@pytest.mark.parametrize("view", VIEWS)
def test_every_page_shows_the_running_show(
    pages: Pages, show: PageShow, shots: Path, view: str, size: tuple[int, int]
) -> None:
    def act(page: Any) -> bool:
        settled(page, view)
        page.wait_for_function("() => document.querySelector('main').innerText.length > 60")
        if view in ("/", "/stage", "/map"):
            before = _numbers(page)
            assert len(before) == 5
            page.wait_for_function(CHANGED, arg=before)
        narrow: bool = page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        return narrow

    name = f"{view.strip('/') or 'live'}-{'x'.join(map(str, size))}.png"
    assert pages.visit(show.url + view, act, size=size, shot=shots / name), "the page is wider than its screen"


@pytest.mark.parametrize(
    ("view", "name", "head"), [("/takes", "alpha", "length"), ("/sensors", "dancer:dancer1", "per second")]
)
def test_a_table_is_read_on_a_phone_without_pushing_it_sideways(
    pages: Pages, show: PageShow, view: str, name: str, head: str
) -> None:
    def act(page: Any) -> tuple[list[str], list[float]]:
        settled(page, view)
        page.get_by_role("rowheader", name=name, exact=True).wait_for()
        return page.evaluate(HEAD_OF, [name, head]), page.evaluate(OVERHANG)

    said, overhang = pages.visit(show.url + view, act, size=PHONE)
    assert said == [f'"{head} "', "cell"]  # a screen reader still finds a table
    assert overhang, "there is no table"
    assert max(overhang) <= 0


@pytest.mark.parametrize(("size", "least"), [((1280, 720), 80), (PHONE, 70)], ids=["laptop", "phone"])
def test_the_stage_is_legible_and_locked(
    pages: Pages, show: PageShow, shots: Path, size: tuple[int, int], least: int
) -> None:
    def act(page: Any) -> None:
        page.wait_for_function("() => document.querySelectorAll('.giant .num').length === 5")
        page.wait_for_function("() => document.querySelector('.field .word').innerText.length > 3")
        boxes = page.evaluate(BOXES)
        assert all(height >= least and inside for height, inside in boxes), boxes
        assert page.locator(".field svg.shape").count() == 1  # never colour alone
        for key in ("f", "r", "s", "m", "1"):
            page.keyboard.press(key)
        page.get_by_role("button", name="Hold to leave").click()  # a touch isn't a hold
        page.wait_for_timeout(300)
        assert page.url.endswith("/stage")
        page.keyboard.press("Escape")
        page.locator(".word", has_text="PANIC").wait_for()

    pages.visit(f"{show.url}/stage", act, size=size, shot=shots / f"stage-panic-{size[0]}.png")
    assert [answered.command.verb for answered in show.answered] == ["panic"]


def test_the_stage_says_when_the_service_is_gone(pages: Pages, ear: OscEar) -> None:
    with PageShow(ear.port) as short:

        def act(page: Any) -> None:
            page.locator(".giant").first.wait_for()
            short.end()
            page.locator(".word", has_text="NO LINK").wait_for()

        pages.visit(f"{short.url}/stage", act, faults_allowed=True)  # Chromium calls a refused connection an error
