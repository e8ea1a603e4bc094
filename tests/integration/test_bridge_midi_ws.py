"""The WebSocket bridge as browsers meet it: who may connect, what they get, and what a slow one costs the others."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from choreo_adapters.bridges.midi_ws.bridge import MidiWebSocket, MidiWsConfig
from choreo_adapters.bridges.midi_ws.clients import NOTES_KEPT, ControlClient, NoteClient
from choreo_service.clock import MonotonicClock
from choreo_service.errors import AdapterConfigError
from choreo_service.packets import CONTROL_NAMES, Accent, ControlPacket
from choreo_service.protocols import Sent
from choreo_service.testing import sample_wires


@asynccontextmanager
async def _serving(**config: Any) -> AsyncIterator[tuple[MidiWebSocket, aiohttp.ClientSession, str]]:
    bridge = MidiWebSocket(MidiWsConfig(**{"port": 0, **config}), sample_wires(), MonotonicClock())
    async with asyncio.TaskGroup() as tasks, aiohttp.ClientSession() as browser:
        running = tasks.create_task(bridge.run())
        await _true(lambda: bridge.health()["state"] == "waiting")
        yield bridge, browser, str(bridge.health()["target"]).replace("ws://", "http://")
        running.cancel()


async def _true(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - the other end of a socket decides
            await asyncio.sleep(0.005)


async def _receive(socket: aiohttp.ClientWebSocketResponse, count: int) -> list[bytes]:
    return [await socket.receive_bytes(timeout=10) for _ in range(count)]


async def _until_closed(socket: aiohttp.ClientWebSocketResponse) -> list[bytes]:
    return [message.data async for message in socket if message.type is aiohttp.WSMsgType.BINARY]


def _packet(position: float, performer: int = 0) -> ControlPacket:
    values = {w.name: w.lo + position * (w.hi - w.lo) for w in sample_wires().values()}
    return ControlPacket.from_dict({"k": 0, "t_ns": 0, "performer": performer, **values})


@pytest.mark.asyncio(loop_factories=["asyncio", "uvloop"])
async def test_each_frame_is_one_control_change_and_all_values_come_at_connect() -> None:
    async with _serving() as (bridge, browser, url):
        assert bridge.send(_packet(0.5), CONTROL_NAMES) == ()  # nobody hears it
        async with browser.ws_connect(url) as page:
            assert await _receive(page, 5) == [bytes((0xB0, 20 + i, 64)) for i in range(5)]
            assert bridge.send(_packet(1.0, performer=2), ("density",)) == (("density", 127.0),)
            assert await _receive(page, 1) == [bytes((0xB2, 21, 127))]
            assert bridge.health()["state"] == "open"
        await _true(lambda: bridge.health()["state"] == "waiting")
    assert bridge.health()["state"] == "closed"


@pytest.mark.asyncio
async def test_what_a_page_that_comes_and_a_panic_bring_is_told() -> None:
    """Also to the first page, which gets what nobody had heard before: no `send` has returned it."""
    told: list[tuple[int, Sent]] = []
    async with _serving() as (bridge, browser, url):
        bridge.report_to(lambda performer, sent: told.append((performer, sent)))
        bridge.send(_packet(0.5), CONTROL_NAMES)
        bridge.send(_packet(1.0, performer=2), ("density",))
        bridge.panic()
        assert [one for one in told if one[1]] == []  # nobody was there
        bridge.send(_packet(0.5), CONTROL_NAMES)
        bridge.send(_packet(1.0, performer=2), ("density",))
        async with browser.ws_connect(url) as page:
            heard = await _receive(page, 10)
            messages = {
                (performer, name): (0xB0 + performer, wire.cc, round(value))
                for performer, sent in told
                for name, value in sent
                for wire in [sample_wires()[name]]
            }
            assert sorted(bytes(message) for message in messages.values()) == sorted(heard)
            assert messages[0, "density"][2] == 64
            assert messages[2, "density"][2] == 127
            told.clear()
            bridge.panic()
            safe = {w.name: round(w.position(w.safe) * 127) for w in sample_wires().values()}
            assert [(performer, dict(sent)) for performer, sent in told] == [(0, safe), (2, safe)]


@pytest.mark.asyncio
async def test_panic_and_the_last_values_of_a_show_reach_every_page() -> None:
    async with aiohttp.ClientSession() as lasting:
        async with _serving() as (bridge, _, url):
            pages = [await lasting.ws_connect(url) for _ in range(3)]
            await _true(lambda: bridge.health()["clients"] == 3)
            bridge.panic()
            safe = [bytes((0xB0, w.cc, round(w.position(w.safe) * 127))) for w in sample_wires().values()]
            assert [await _receive(page, 5) for page in pages] == [safe] * 3
            bridge.send(_packet(0.0), CONTROL_NAMES)
            collecting = [asyncio.get_running_loop().create_task(_until_closed(page)) for page in pages]
        assert await asyncio.gather(*collecting) == [[bytes((0xB0, 20 + i, 0)) for i in range(5)]] * 3


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("headers", "welcome"),
    [
        ({}, True),
        ({"Origin": "http://localhost:4321"}, True),
        ({"Origin": "http://127.0.0.1"}, True),
        ({"Origin": "https://strudel.cc"}, True),
        ({"Origin": "https://strudel.cc.evil.example"}, False),
        ({"Origin": "http://localhost.evil.example:80"}, False),
        ({"Origin": "http://strudel.cc"}, False),
        ({"Origin": "https://localhost:4321"}, False),
        ({"Origin": "null"}, False),
        ({"Origin": ""}, False),
        ({"Origin": "http://localhost:4321@evil.example"}, False),
        ({"Host": "evil.example"}, False),
        ({"Host": "evil.example:8790"}, False),
        ({"Host": "localhost:8790"}, True),
        ({"Host": "[::1]:8790"}, True),
    ],
    ids=str,
)
async def test_only_known_pages_may_connect(headers: dict[str, str], welcome: bool) -> None:
    async with _serving() as (bridge, browser, url):
        if welcome:
            await (await browser.ws_connect(url, headers=headers)).close()
        else:
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await browser.ws_connect(url, headers=headers)
            assert refused.value.status == 403
        assert bridge.health()["refused"] == (not welcome)


@pytest.mark.asyncio
async def test_more_pages_than_allowed_are_refused() -> None:
    async with _serving(max_clients=1) as (_, browser, url):
        async with browser.ws_connect(url):
            with pytest.raises(aiohttp.WSServerHandshakeError):
                await browser.ws_connect(url)
        await (await browser.ws_connect(url)).close()


@pytest.mark.asyncio
async def test_a_page_that_floods_us_is_ended_not_read() -> None:
    async with _serving() as (bridge, browser, url):
        async with browser.ws_connect(url) as page:
            await page.send_bytes(b"x" * 100_000)
            closed = await page.receive(timeout=10)
            assert closed.type is aiohttp.WSMsgType.CLOSE
            assert closed.data == aiohttp.WSCloseCode.MESSAGE_TOO_BIG
        await _true(lambda: bridge.health()["clients"] == 0)


@pytest.mark.asyncio
async def test_a_busy_port_is_a_configuration_error() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        bridge = MidiWebSocket(MidiWsConfig(port=taken.getsockname()[1]), sample_wires(), MonotonicClock())
        with pytest.raises(AdapterConfigError, match="can't listen"):
            await bridge.run()


@pytest.mark.asyncio
async def test_accents_come_on_an_address_of_their_own_and_every_note_ends() -> None:
    async with _serving(notes={"note": 40, "channel": 10, "length_ms": 20}) as (bridge, browser, url):
        assert not bridge.accent(_accent(1.0))  # nobody listens to the notes
        async with browser.ws_connect(url) as controls, browser.ws_connect(url.replace("/midi", "/notes")) as notes:
            await _true(lambda: bridge.health()["note_clients"] == 1)
            assert bridge.accent(_accent(0.5))
            assert bridge.accent(_accent(0.0, performer=1))
            assert not bridge.accent(_accent(1.0, performer=7))  # past channel 16
            on, off = [bytes((0x99, 40, 64)), bytes((0x9A, 40, 1))], [bytes((0x89, 40, 0)), bytes((0x8A, 40, 0))]
            assert await _receive(notes, 4) == [*on, *off]
            bridge.send(_packet(1.0), ("density",))
            assert await _receive(controls, 1) == [bytes((0xB0, 21, 127))]  # and nothing else before it


@pytest.mark.asyncio
async def test_panic_and_the_end_of_a_show_end_the_notes() -> None:
    async with aiohttp.ClientSession() as lasting:
        async with _serving(notes={"length_ms": 100}) as (bridge, _, url):
            page = await lasting.ws_connect(url.replace("/midi", "/notes"))
            await _true(lambda: bridge.health()["note_clients"] == 1)
            bridge.accent(_accent(1.0))
            bridge.panic()
            assert await _receive(page, 2) == [bytes((0x90, 36, 127)), bytes((0x80, 36, 0))]
            bridge.accent(_accent(1.0))
            collecting = asyncio.get_running_loop().create_task(_until_closed(page))
        assert await collecting == [bytes((0x90, 36, 127)), bytes((0x80, 36, 0))]


@pytest.mark.asyncio
async def test_only_known_pages_hear_the_notes() -> None:
    async with _serving() as (bridge, browser, url):
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await browser.ws_connect(url.replace("/midi", "/notes"), headers={"Origin": "https://evil.example"})
        assert bridge.health()["refused"] == 1


def test_a_slow_page_holds_one_value_per_controller() -> None:
    client = ControlClient({(1, 20): 0})
    replaced = [client.put((1, 20 + i % 2), i % 128) for i in range(1000)]
    assert client.waiting == {(1, 20): 998 % 128, (1, 21): 999 % 128}
    assert replaced.count(False) == 1
    assert client.take() == [bytes((0xB0, 20, 998 % 128)), bytes((0xB0, 21, 999 % 128))]
    assert not client.waiting


def test_a_slow_page_holds_the_newest_notes() -> None:
    client = NoteClient()
    for i in range(1000):
        client.put(bytes((0x90, i % 128, 1)))
    taken = client.take()
    assert len(taken) == NOTES_KEPT
    assert taken[-1] == bytes((0x90, 999 % 128, 1))
    assert not client.waiting


def _accent(strength: float, performer: int = 0) -> Accent:
    return Accent(performer, seq=0, t_ns=0, rx_ns=0, strength=strength)
