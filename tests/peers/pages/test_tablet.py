"""Another screen of the network: it looks with the token and steers with the PIN."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from rig.osc_ear import OscEar
from rig.pages import Pages, PageShow, answered

pytestmark = [pytest.mark.peer("chromium"), pytest.mark.slow]


def test_a_tablet_looks_with_the_token_and_steers_with_the_pin(pages: Pages, ear: OscEar, shots: Path) -> None:
    """By its own network address this machine is another one to the page."""
    with PageShow(ear.port, lan=True, pin="4711") as show:
        if not show.page.away():
            pytest.skip("this machine has no network address")

        def act(page: Any) -> None:
            page.locator(".control").first.wait_for()
            assert "token" not in page.url  # it is not left in the address bar
            page.keyboard.press("s")
            answered(page, "resend refused: this page may only look")
            page.get_by_role("button", name="View only").click()
            page.get_by_role("textbox", name="PIN").fill("4711")
            page.get_by_role("button", name="Steer").click()
            answered(page, "this page may steer now")
            page.locator("#link", has_text="connected").wait_for()
            page.keyboard.press("s")
            answered(page, "resend ✓")

        pages.visit(show.page.away(), act, size=(820, 1180), shot=shots / "tablet.png")
        pages.visit(f"{show.url}/sensors", lambda page: page.locator("svg[role=img]").wait_for(), shot=shots / "qr.png")
    assert [answered.command.verb for answered in show.answered] == ["resend"]
