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
