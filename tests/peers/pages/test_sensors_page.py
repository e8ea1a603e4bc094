"""The page Sensors: an app nobody here knows is learnt by what it sends."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from osc_datagrams import message
from rig.osc_ear import OscEar
from rig.pages import PHONE, Pages, PageShow, answered
from rig.ports import free_udp_port

from choreo_adapters.sensors.osc_motion import OscMotion

pytestmark = [pytest.mark.peer("chromium"), pytest.mark.slow]


@pytest.fixture
def phone_port() -> int:
    return free_udp_port()


@pytest.fixture
def listening(ear: OscEar, phone_port: int) -> Iterator[PageShow]:
    """A show that hears phones."""
    running = PageShow(
        ear.port, sensors={"phone": lambda emit, at: OscMotion(OscMotion.Config(port=phone_port), emit, at)}
    )
    with running:
        yield running


def test_an_unknown_app_is_shown_with_what_to_paste(
    pages: Pages, listening: PageShow, phone_port: int, shots: Path
) -> None:
    def act(page: Any) -> dict[str, Any]:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
            for address, values in (("/my/own/acc", (0.0, 0.2, 0.97)), ("/my/own/thing", (7.25,))):
                phone.sendto(message(address, "f" * len(values), *values), ("127.0.0.1", phone_port))
        unknown = page.get_by_role("table", name="Unknown addresses")
        unknown.get_by_role("row", name="/my/own/acc 1 0 0.2 0.97").wait_for()
        unknown.get_by_role("row", name="/my/own/thing 1 7.25").wait_for()
        pasted = page.get_by_label("mapping to paste").inner_text()
        page.get_by_role("button", name="Copy").click()
        answered(page, "copied ✓")
        assert page.evaluate("navigator.clipboard.readText()") == pasted
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        result: dict[str, Any] = yaml.safe_load(pasted)
        return result

    permitted = {"permissions": ["clipboard-read", "clipboard-write"]}
    told = pages.visit(f"{listening.url}/sensors", act, size=(1280, 720), shot=shots / "sensors-learn.png", **permitted)
    mapping = told["sensors"]["phone"]["map"]
    assert mapping == {"/my/own/acc": {"stream": "acceleration", "unit": "g"}}
    OscMotion.Config(map=mapping)  # what is to be pasted is accepted


def test_a_body_is_guided_through_its_minute(pages: Pages, show: PageShow, shots: Path) -> None:
    def act(page: Any) -> None:
        page.get_by_label("name of the body").fill("Anna!")
        page.get_by_role("button", name="Begin").click()
        answered(page, "'Anna!' can't name a body")
        page.get_by_label("name of the body").fill("anna")
        page.get_by_role("button", name="Begin").click()
        page.get_by_text("1 of 3: stand still").wait_for()
        page.screenshot(path=str(shots / "sensors-body.png"))
        page.get_by_role("button", name="Cancel").click()
        page.get_by_text("cancelled").wait_for()
        page.get_by_role("button", name="Begin").wait_for()

    pages.visit(f"{show.url}/sensors", act, size=PHONE, faults_allowed=True)  # Chromium calls a refusal an error


def test_somebody_with_a_phone_sees_where_to_send(pages: Pages, listening: PageShow, phone_port: int) -> None:
    def act(page: Any) -> None:
        help_ = page.get_by_label("A phone for phone")
        help_.get_by_text(f"port {phone_port}").first.wait_for()
        if not help_.get_by_text("in no network").count():
            assert help_.get_by_role("img", name="QR code").count() == 1
            help_.get_by_text("hears this machine only").wait_for()
        help_.get_by_text("GyrOSC (iOS)").click()
        help_.locator("details[open] li", has_text=str(phone_port)).wait_for()

    pages.visit(f"{listening.url}/sensors", act)


def test_a_show_that_hears_no_phone_says_so(pages: Pages, show: PageShow) -> None:
    pages.visit(f"{show.url}/sensors", lambda page: page.get_by_text("No sensor of this show hears phones").wait_for())
