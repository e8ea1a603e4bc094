"""The page Health: this machine examined beside the show."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from rig.pages import PHONE, Pages, PageShow

pytestmark = [pytest.mark.peer("chromium"), pytest.mark.slow]


def test_doctor_in_the_page_says_what_to_type(pages: Pages, show: PageShow, shots: Path) -> None:
    def act(page: Any) -> None:
        page.get_by_role("button", name="Examine").click()
        page.locator(".findings li").first.wait_for(timeout=60_000)
        names = page.locator(".findings strong").all_inner_texts()
        assert {"python", "packages", "tick", "configuration"} <= {name.split(":")[0].strip().lower() for name in names}
        for row in page.locator(".findings li:not([data-level=good])").all():
            assert row.locator(".fix code").inner_text()
        page.screenshot(path=str(shots / "doctor-1280.png"), full_page=True)
        page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")

    pages.visit(f"{show.url}/health", act, size=(1280, 720), shot=shots / "doctor-390.png")
