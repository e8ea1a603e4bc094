"""A page that is slow, stuck or never reads loses frames of its own: neither the tick nor another page waits for it."""

from __future__ import annotations

import asyncio

import pytest
from page_stage import PageStage, frame, page_stage, receive, true

from choreo_service.clock import NS, VirtualClock
from choreo_service.config import DashboardSettings
from choreo_service.dashboard.client import MAX_TEXTS, Client
from choreo_service.dashboard.hub import STUCK_S
from choreo_service.dashboard.talk import _WAITING_BYTES as WAITING_BYTES


@pytest.mark.asyncio
async def test_a_page_that_never_reads_disturbs_nobody() -> None:
    async with page_stage() as (stage, browser), browser.ws_connect(f"{stage.url}/ws") as reader:
        await receive(reader, "hello")
        port = stage.page.port
        _, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        writer.write(
            f"GET /ws HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        writer.transport.pause_reading()
        await true(lambda: len(stage.page.hub.clients) == 2)
        stuck = next(c for c in stage.page.hub.clients if c is not _of(stage, 0))
        big = {"kind": "test", "text": "x" * 50_000}
        while stuck.stuck_s() == 0.0 or not stuck.dropped:  # fill the kernel's buffers, then our own
            stage.page.hub.event(big)
            stage.tick()
            await receive(reader, "event")
        assert stage.page.hub.dropped >= stuck.dropped > 0
        stage.tick(5)
        await frame(reader)
        writer.transport.abort()


def _of(stage: PageStage, sent: int) -> Client:
    """The client that has been sent most: the one that reads."""
    return max(stage.page.hub.clients, key=lambda c: c.sent)


def _client(clock: VirtualClock, hz: float = 30.0) -> Client:
    client = Client(clock, may_steer=True)
    client.hz = hz
    return client


def test_each_page_gets_its_own_rate() -> None:
    clock = VirtualClock()
    counts = {}
    for hz in (2.0, 10.0, 30.0, 50.0):
        client = _client(clock, hz)
        counts[hz] = sum(client.wants_frame(k * 20_000_000) for k in range(1, 501))
    assert counts[50.0] == 500
    assert {hz: round(n / 10) for hz, n in counts.items()} == {2.0: 2, 10.0: 10, 30.0: 30, 50.0: 50}


def test_only_the_latest_frame_waits_and_the_lost_ones_are_counted() -> None:
    client = _client(VirtualClock())
    for number in range(5):
        client.put_frame(bytes([number]))
    assert client.dropped == 4
    assert client.take() == bytes([4])
    assert client.take() is None


def test_texts_are_bounded_and_go_before_state_and_frame() -> None:
    client = _client(VirtualClock())
    client.put_frame(b"frame")
    client.put_state("old")
    client.put_state("new")
    for number in range(MAX_TEXTS + 3):
        client.put_text(str(number))
    assert client.dropped == 1 + 3
    taken = [client.take() for _ in range(MAX_TEXTS + 2)]
    assert taken[0] == "3"
    assert taken[-2:] == ["new", b"frame"]


@pytest.mark.asyncio
async def test_what_waits_for_a_page_that_takes_nothing_is_bounded() -> None:
    clock = VirtualClock()
    stage = PageStage(clock, DashboardSettings(port=0))
    client = _client(clock)
    stage.page.hub.join(client)
    wordy = {"kind": "adapter", "name": "strap", "state": "down", "cause": "c" * 400, "hint": "h" * 400}
    for _ in range(10):
        stage.page.hub.event(wordy)
    few = _waiting_bytes(client)
    for _ in range(1000):
        stage.page.hub.event(wordy)
        stage.tick()
        stage.page.hub.publish()
    waiting = _waiting_bytes(client) + WAITING_BYTES
    print(f"{waiting / 1024:.0f} KiB wait at most")
    assert few < waiting <= 256 * 1024
    assert client.dropped > 800


def _waiting_bytes(client: Client) -> int:
    """In our own buffers; the connection's come on top."""
    slots = [*client._texts, client._state or "", client._frame or b""]
    return sum(len(slot.encode() if isinstance(slot, str) else slot) for slot in slots)


@pytest.mark.asyncio
async def test_a_stuck_page_is_let_go() -> None:
    clock = VirtualClock()
    stage = PageStage(clock, DashboardSettings(port=0))
    client, cut = _client(clock), []
    client.let_go = lambda: cut.append(True)
    stage.page.hub.join(client)
    client.began()
    stage.seconds(1)
    stage.page.hub.publish()
    assert not cut
    clock.advance(round((STUCK_S + 1) * NS))
    stage.seconds(STUCK_S + 1)
    stage.page.hub.publish()
    assert cut
