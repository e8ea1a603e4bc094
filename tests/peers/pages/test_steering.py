"""Every verb from the page is answered, obeyed or refused with a reason; a reload shows what is in force."""

from __future__ import annotations

from typing import Any

import pytest
from rig.osc_ear import OscEar
from rig.pages import Pages, PageShow, answered
from rig.process import wait_until

from choreo_service.packets import CONTROL_NAMES

pytestmark = [pytest.mark.peer("chromium"), pytest.mark.slow]

KEYS = {"Escape": "panic", "u": "resume", "f": "freeze", "r": "record", "m": "marker", "s": "resend", "t": "tap"}
BUTTONS = ("panic", "resume", "freeze", "resend", "record", "marker", "tap")


def test_every_verb_by_key_is_acknowledged(pages: Pages, show: PageShow) -> None:
    def act(page: Any) -> None:
        page.locator(".control").first.wait_for()
        for key, verb in KEYS.items():
            page.keyboard.press(key)
            answered(page, f"{verb} ✓")
        for number, (key, verb) in enumerate([("m", "mute"), ("h", "hold"), ("l", "map")]):
            page.keyboard.press(str(number + 1))
            page.keyboard.press(key)
            answered(page, f"{verb} {CONTROL_NAMES[number]} ✓")

    pages.visit(show.url, act)
    done = [answered.command.verb for answered in show.answered]
    assert done == [*KEYS.values(), "mute", "hold", "map"]
    assert {answered.door for answered in show.answered} == {"websocket"}
    assert [getattr(a.command, "control", None) for a in show.answered[-3:]] == list(CONTROL_NAMES[:3])


def test_every_verb_by_mouse_is_acknowledged(pages: Pages, show: PageShow) -> None:
    def act(page: Any) -> None:
        page.locator(".control").first.wait_for()
        for verb in BUTTONS:
            page.get_by_role("button", name=verb).first.click()
            answered(page, f"{verb} ✓")
        for verb in ("mute", "hold", "map"):
            page.get_by_role("button", name=f"{verb} tension").click()
            answered(page, f"{verb} tension ✓")

    pages.visit(show.url, act)
    assert [answered.command.verb for answered in show.answered] == [*BUTTONS, "mute", "hold", "map"]


def test_a_fader_takes_a_control_and_gives_it_back(pages: Pages, show: PageShow) -> None:
    def act(page: Any) -> None:
        fader = page.get_by_label("density by hand", exact=True)
        fader.focus()
        page.keyboard.press("End")
        answered(page, "density by hand ✓")
        page.get_by_role("button", name="give back density").click()
        answered(page, "density given back ✓")

    pages.visit(f"{show.url}/map", act)
    positions = [getattr(answered.command, "position", None) for answered in show.answered]
    assert (positions[0], positions[-1]) == (1.0, None)


def test_resend_by_key_reaches_the_receiver(pages: Pages, show: PageShow, ear: OscEar) -> None:
    def act(page: Any) -> None:
        page.locator(".control").first.wait_for()
        before = len(ear.arrivals())
        page.keyboard.press("s")
        answered(page, "resend ✓")
        wait_until(lambda: len(ear.arrivals()) >= before + 5, "all five controls arrive")

    pages.visit(show.url, act)


def test_a_refusal_is_seen_with_its_reason(pages: Pages, show: PageShow) -> None:
    def act(page: Any) -> None:
        page.locator(".control").first.wait_for()
        show.service.facts["scenes"] = lambda: {"names": ["calm", "wild"], "name": "calm"}
        page.wait_for_timeout(1200)
        page.keyboard.press("]")
        answered(page, "refused: no such scene")

    pages.visit(show.url, act)


def test_keys_do_nothing_while_typing_but_panic(pages: Pages, show: PageShow) -> None:
    def act(page: Any) -> None:
        box = page.get_by_role("searchbox")
        box.fill("")
        box.press_sequentially("frs.")
        assert box.input_value() == "frs."
        box.press("Escape")
        answered(page, "panic ✓")

    pages.visit(f"{show.url}/health", act)
    assert [answered.command.verb for answered in show.answered] == ["panic"]


def test_escape_panics_from_within_a_dialog_and_closes_it(pages: Pages, show: PageShow) -> None:
    def act(page: Any) -> None:
        page.locator(".control").first.wait_for()
        page.keyboard.press("?")
        page.locator("dialog[open]").wait_for()
        page.keyboard.press("Escape")
        answered(page, "panic ✓")
        assert page.locator("dialog[open]").count() == 0

    pages.visit(show.url, act)
    assert [answered.command.verb for answered in show.answered] == ["panic"]


def test_a_reload_restores_what_is_in_force(pages: Pages, show: PageShow) -> None:
    def act(page: Any) -> None:
        panic = page.get_by_role("button", name="Panic")
        panic.click()
        page.locator("#health", has_text="PANIC").wait_for()
        page.reload()
        page.locator("#health", has_text="PANIC").wait_for()
        assert panic.get_attribute("aria-pressed") == "true"
        page.keyboard.press("u")
        page.wait_for_function("() => document.querySelector('button.danger').ariaPressed === 'false'")

    pages.visit(show.url, act)
