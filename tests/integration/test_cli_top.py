"""`choreo top` over a real page: what it shows, what its keys do, and what it says where no show is."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import structlog
from page_stage import PageStage, page_stage, true
from rig.ports import free_udp_port
from textual.pilot import Pilot
from textual.widgets import Static

from choreo_adapters.doors import keyboard
from choreo_service.cli import choreo
from choreo_service.cli.failure import exit_code_of
from choreo_service.cli.shows import Show, shows_here, the_one
from choreo_service.cli.top.address import Address, read_address
from choreo_service.cli.top.app import Top
from choreo_service.cli.top.keys import CHOSEN_S, CONTROL_KEYS, KEYS, Keys
from choreo_service.cli.top.link import Link, check
from choreo_service.clock import NS, VirtualClock
from choreo_service.errors import ChoreoError
from choreo_service.packets import CONTROL_NAMES, LEADERS


@pytest.fixture(autouse=True)
def _log_nowhere(logging_as_before: None) -> None:
    """Textual takes standard output for its screen; a log line printed beside it would count as blocking."""
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())


def _shown(app: Top) -> str:
    return "\n".join(str(widget.content) for widget in app.query(Static))


@asynccontextmanager
async def _watched(stage: PageStage) -> AsyncIterator[tuple[Top, Pilot[None]]]:
    """The screen over a show, once it has been told everything."""
    app = Top(Link(Address(stage.url)))
    async with app.run_test(size=(100, 30)) as pilot:
        await true(lambda: len(stage.page.hub.clients) == 1)
        stage.seconds(1.0)
        await true(lambda: bool(app.link.controls) and bool(app.link.state))
        yield app, pilot


async def _says(app: Top, text: str) -> None:
    try:
        await true(lambda: text in _shown(app))
    except TimeoutError:
        raise AssertionError(f"{text!r} is not on the screen:\n{_shown(app)}") from None


@pytest.mark.asyncio
async def test_it_shows_the_show() -> None:
    async with page_stage() as (stage, _), _watched(stage) as (app, _pilot):
        for name in CONTROL_NAMES:
            await _says(app, name)
        sent = stage.service.controller.latest[0].as_tuple()
        meters = str(app.query_one("#meters", Static).content)
        for line, value in zip(meters.splitlines(), sent, strict=True):
            assert f"{value:.2f}" in line
            assert "█" in line or "·" in line
        for told in ("○ motion missing", "ticks/s", "sensor to synth", stage.page.hub.make_state()["health"]["word"]):
            await _says(app, told)


@pytest.mark.asyncio
async def test_its_keys_steer_and_every_press_is_answered() -> None:
    async with page_stage() as (stage, _), _watched(stage) as (app, pilot):
        await pilot.press("escape")
        await _says(app, "panic: done")
        stage.seconds(1.0)
        await _says(app, "PANIC")
        await pilot.press("u")
        await _says(app, "resume: done")
        await pilot.press("m")
        await _says(app, "marker refused: nothing is being recorded; start a take first: R")
        await pilot.press("2", "m")
        await _says(app, "mute density: done")
        stage.seconds(1.0)
        await _says(app, "muted")
        assert stage.service.controller.latches().muted == ("density",)
        await pilot.press("]")
        await _says(app, "scene home: done")
        await pilot.press("c")
        await _says(app, "recalibrate: done")
        await pilot.press("p")
        await _says(app, f"policy {LEADERS[1]}: done")


@pytest.mark.asyncio
async def test_a_show_that_ends_is_seen_and_one_that_begins_again_too() -> None:
    async with page_stage() as (first, _):
        port = first.page.port
        async with _watched(first) as (app, _pilot):
            serving = first.page
            for client in serving.hub.clients:
                client.leave()
            await true(lambda: not serving.hub.clients)
            await true(lambda: bool(serving.hub.clients))  # it has come back by itself
            first.seconds(1.0)
            await true(lambda: app.link.up)
    link = Link(Address(f"http://127.0.0.1:{port}"))
    app = Top(link)
    async with app.run_test(size=(100, 30)):
        await _says(app, "NO LINK")
        assert await link.ask("panic") == (False, "no connection to choreo")


@pytest.mark.asyncio
async def test_another_show_at_the_same_address_is_told_and_shown_anew() -> None:
    async with page_stage() as (first, _):
        link = Link(Address(first.url))
        app = Top(link)
        async with app.run_test(size=(100, 30)):
            await true(lambda: link.up)
            first.seconds(1.0)
            await true(lambda: bool(link.state))
            show_id = link.hello["show"]
            _send_away(first)  # a take-over looks like this: the same show goes on
            await true(lambda: not link.up)
            await true(lambda: link.up)
            assert link.hello["show"] == show_id
            assert "another show" not in _shown(app)
            _send_away(first)
            await true(lambda: not link.up)
            link.hello = {**link.hello, "show": "the one before"}
            assert link.state
            await _says(app, "another show answers here now")
            assert (link.state, link.controls) == ({}, ())


def _send_away(stage: PageStage) -> None:
    for client in stage.page.hub.clients:
        client.leave()


@pytest.mark.asyncio
async def test_the_shows_of_this_machine_are_found_by_what_they_say() -> None:
    async with page_stage(performers=2) as (first, _), page_stage(port=first.page.port) as (second, _):
        found = {show.base: show for show in await shows_here(first.page.port)}
        assert {first.url, second.url} <= set(found)
        assert found[first.url].id == first.page.show_id
        assert found[first.url].performers == 2
        assert (await check(Address(second.url))).id == second.page.show_id


def test_of_several_shows_it_is_the_one_of_this_folder() -> None:
    def show(port: int, home: str) -> Show:
        return Show(f"http://127.0.0.1:{port}", str(port), Path(home).name, Path(home), 1, (), port)

    mine, other, again = show(8787, "/mine"), show(8788, "/other"), show(8789, "/other")
    assert the_one([other], Path("/mine")) is other
    assert the_one([other, mine, again], Path("/mine")) is mine
    with pytest.raises(
        ChoreoError, match=r"mine at http://127\.0\.0\.1:8787; other at http://127\.0\.0\.1:8788"
    ) as caught:
        the_one([mine, other], None)
    assert caught.value.fix == "say which one: choreo top --url http://127.0.0.1:8787"
    with pytest.raises(ChoreoError, match="3 shows"):
        the_one([mine, other, again], Path("/other"))
    with pytest.raises(ChoreoError, match="no show answers"):
        the_one([], Path("/mine"))


@pytest.mark.asyncio
async def test_another_machine_looks_with_the_token_and_steers_with_the_pin() -> None:
    async with page_stage(lan=True, pin="4711") as (stage, _):
        if not stage.page.away():
            pytest.skip("this machine has no network address")
        look, steer = read_address(stage.page.away()), read_address(stage.page.away(), pin="4711")
        with pytest.raises(ChoreoError, match="token"):
            await check(Address(look.base))
        with pytest.raises(ChoreoError, match="wrong PIN"):
            await check(Address(look.base, look.token, "1"))
        told = await check(look)
        assert (told.id, told.home, told.process) == (stage.page.show_id, None, 0)  # its files are nobody's elsewhere
        for address, done in ((look, False), (steer, True)):
            link = Link(address)
            async with asyncio.TaskGroup() as tasks:
                running = tasks.create_task(link.run())
                await true(lambda link=link: link.up)  # type: ignore[misc]
                assert (await link.ask("panic"))[0] is done
                running.cancel()


def test_no_show_is_told_before_the_screen_is_taken(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code_of(choreo, ["top", "--url", f"http://127.0.0.1:{free_udp_port()}"]) == 1
    said = capsys.readouterr().err
    assert "no show answers at" in said
    assert "choreo run" in said


def test_without_textual_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delitem(sys.modules, "choreo_service.cli.top.app", raising=False)
    monkeypatch.setitem(sys.modules, "textual", None)
    assert exit_code_of(choreo, ["top"]) == 1
    assert "pip install 'choreo-service[tui]'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("url", "base", "token"),
    [
        ("http://127.0.0.1:8787", "http://127.0.0.1:8787", ""),
        ("192.0.2.10:9100", "http://192.0.2.10:9100", ""),
        ("http://192.0.2.10:8787/#token=abc-_1", "http://192.0.2.10:8787", "abc-_1"),
        ("http://[::1]:8787/", "http://[::1]:8787", ""),
    ],
)
def test_an_address_is_read_as_it_is_printed(url: str, base: str, token: str) -> None:
    assert read_address(url) == Address(base, token)


@pytest.mark.parametrize("url", ["", "https://example.org", "http://127.0.0.1:port", "ftp://x", "http://"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ChoreoError, match="is no address of a show"):
        read_address(url)


def test_the_keys_are_those_of_the_terminal_door() -> None:
    assert {("\x1b" if key == "escape" else key): verb for key, verb in KEYS.items()} == keyboard.KEYS
    assert CONTROL_KEYS == keyboard.CONTROL_KEYS


def test_a_chosen_control_is_forgotten_after_a_while() -> None:
    clock = VirtualClock()
    keys = Keys(clock)
    assert keys.press("m") == ("marker", {})
    assert keys.press("3") is None
    assert keys.press("H") == ("hold", {"control": CONTROL_NAMES[2]})
    clock.advance(round((CHOSEN_S + 1) * NS))
    assert keys.chosen == -1
    assert keys.press("m") == ("marker", {})
    assert keys.press("h") is None
