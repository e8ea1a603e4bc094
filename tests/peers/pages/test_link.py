"""The page loses its show, finds it again, finds another one in its place, or isn't let in: it always says so."""

from __future__ import annotations

from typing import Any

import pytest
from rig.osc_ear import OscEar
from rig.pages import Pages, PageShow, answered

pytestmark = [pytest.mark.peer("chromium"), pytest.mark.slow]

OPACITY = "(node) => parseFloat(getComputedStyle(node).opacity)"
STALE = (".control .value", ".control .meter", ".lights", ".facts", ".chart")


def _dimmed(page: Any) -> set[str]:
    return {part for part in STALE if page.locator(part).first.evaluate(OPACITY) < 0.5}


def _followed(page: Any, show: PageShow, follower: PageShow) -> None:
    """`follower` takes the place of `show` under the eyes of the page."""
    page.locator(".control").first.wait_for()
    page.evaluate("window.made_for = 'the first'")
    show.end()
    page.locator("#health", has_text="NO LINK").wait_for()
    follower.__enter__()
    page.locator("#link", has_text="connected").wait_for()


def test_live_says_that_what_it_shows_is_over(pages: Pages, ear: OscEar, shots: Any) -> None:
    with PageShow(ear.port) as short:

        def act(page: Any) -> None:
            page.locator("#health[data-level]").wait_for()
            page.locator(".chart").first.wait_for()
            assert _dimmed(page) == set()
            short.end()
            page.locator("#health[data-level=bad]", has_text="NO LINK").wait_for()
            assert page.locator("#health svg.shape").count() == 1  # never colour alone
            assert _dimmed(page) == set(STALE)

        pages.visit(short.url, act, shot=shots / "no-link.png", faults_allowed=True)  # a refused connection is one


@pytest.mark.parametrize("same", [True, False], ids=["a take-over", "another show"])
def test_a_page_goes_on_with_its_own_show_alone(pages: Pages, ear: OscEar, same: bool) -> None:
    with PageShow(ear.port) as first:
        second = PageShow(ear.port, port=first.page.port)
        if same:
            second.page.go_on(first.page.left())

        def act(page: Any) -> None:
            _followed(page, first, second)
            if not same:
                answered(page, "another show answers here")
            assert page.evaluate("window.made_for ?? ''") == ("the first" if same else "")
            page.wait_for_function("() => document.querySelector('#health').innerText !== 'NO LINK'")
            assert _dimmed(page) == set()
            page.keyboard.press("s")
            answered(page, "resend ✓")

        try:
            pages.visit(first.url, act, faults_allowed=True)
        finally:
            second.end()
    assert [answer.command.verb for answer in second.answered] == ["resend"]


def test_a_tablet_without_the_token_is_told_what_it_needs(pages: Pages, ear: OscEar, shots: Any) -> None:
    with PageShow(ear.port, lan=True) as show:
        if not show.page.away():
            pytest.skip("this machine has no network address")
        address, token = show.page.away().split("/#token=")

        def act(page: Any) -> None:
            page.goto(address)
            for place in ("#link", "main"):
                page.locator(place, has_text="open the address with the token, as printed where choreo runs").wait_for()
            page.evaluate("(token) => { location.hash = `token=${token}`; }", token)  # typed behind the address
            page.locator(".control").first.wait_for()

        pages.visit(show.url, act, size=(820, 1180), shot=shots / "no-token.png", faults_allowed=True)


def test_a_tablet_is_let_in_again_by_the_next_engine(pages: Pages, ear: OscEar) -> None:
    with PageShow(ear.port, lan=True) as first:
        if not first.page.away():
            pytest.skip("this machine has no network address")
        second = PageShow(ear.port, lan=True, port=first.page.port)
        second.page.go_on(first.page.left() | {"wanted_port": first.page.port})

        def act(page: Any) -> None:
            page.locator(".control").first.wait_for()
            first.end()
            page.locator("#health", has_text="NO LINK").wait_for()
            second.__enter__()
            page.locator("#link", has_text="view only").wait_for()

        try:
            pages.visit(first.page.away(), act, faults_allowed=True)
        finally:
            second.end()
