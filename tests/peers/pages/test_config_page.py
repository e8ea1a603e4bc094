"""The page Config: a change is judged before it is made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from rig.pages import Pages, PageShow

pytestmark = [pytest.mark.peer("chromium"), pytest.mark.slow]


def test_a_change_of_the_configuration_is_judged_before_it_is_made(pages: Pages, show: PageShow, shots: Path) -> None:
    def act(page: Any) -> None:
        period = page.get_by_label("engine.period_ms")
        period.fill("10")
        period.press("Tab")
        page.get_by_text("choreo run -o engine.period_ms=10").wait_for()
        period.fill("999")
        period.press("Tab")
        page.get_by_text("allowed: a number from 5 to 50").wait_for()
        assert page.locator("pre").count() == 0  # nothing to copy that would be refused
        period.fill("20")
        period.press("Tab")
        page.get_by_text("No changes.").wait_for()

    pages.visit(f"{show.url}/config", act, shot=shots / "config.png")


def test_every_mistake_is_told_in_one_go_and_marked_where_it_was_typed(
    pages: Pages, show: PageShow, shots: Path
) -> None:
    wrong = {"engine.period_ms": "999", "output.ease_ms": "soon", "bridges.synth.port": "0"}

    def act(page: Any) -> None:
        for key, value in wrong.items():
            page.get_by_label(key, exact=True).fill(value)
            page.get_by_label(key, exact=True).press("Tab")
        told = page.get_by_label("Your changes").get_by_text("⚠")
        page.wait_for_function("() => document.querySelectorAll('[aria-invalid=true]').length === 3")
        assert [text.split(":")[0].removeprefix("⚠ ") for text in told.all_inner_texts()] == list(wrong)
        page.get_by_role("button", name="3 changed, 3 not allowed: look").click()
        page.wait_for_function("() => document.querySelector('.card').getBoundingClientRect().top >= -1")
        page.get_by_label("output.ease_ms").fill("750")
        page.get_by_label("output.ease_ms").press("Tab")
        page.wait_for_function("() => document.querySelectorAll('[aria-invalid=true]').length === 2")
        assert told.count() == 2

    pages.visit(f"{show.url}/config", act, shot=shots / "config-mistakes.png")
