"""What a page gets: hello, state, events, acks and frames at its own pace; and what a slow one costs the others."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from page_stage import PageStage, frame, page_stage, receive, true
from structlog.testing import capture_logs

from choreo_service.clock import NS, MonotonicClock, VirtualClock
from choreo_service.config import DashboardSettings, load_settings
from choreo_service.dashboard import hot_frame
from choreo_service.dashboard.client import MAX_TEXTS, Client
from choreo_service.dashboard.configuration import Configuration
from choreo_service.dashboard.hub import STUCK_S
from choreo_service.dashboard.talk import _WAITING_BYTES as WAITING_BYTES
from choreo_service.errors import AdapterLost
from choreo_service.packets import CONTROL_NAMES, FEATURE_COLUMNS


@pytest.mark.asyncio(loop_factories=["asyncio", "uvloop"])
async def test_hello_names_everything_the_page_shows() -> None:
    async with page_stage(performers=2) as (stage, browser), browser.ws_connect(f"{stage.url}/ws") as socket:
        hello = await receive(socket, "hello")
        assert hello["version"] == hot_frame.VERSION
        assert hello["frame"] == {"bytes": 96, "controls": 5, "features": 11}
        assert [c["name"] for c in hello["controls"]] == list(CONTROL_NAMES)
        assert [f["name"] for f in hello["features"]] == list(FEATURE_COLUMNS)
        assert all(c["lo"] < c["hi"] for c in hello["controls"])
        assert "panic" in hello["verbs"]
        assert hello["performers"] == 2


@pytest.mark.asyncio
async def test_the_hot_frame_is_what_was_sent_to_the_receivers() -> None:
    async with page_stage() as (stage, browser), browser.ws_connect(f"{stage.url}/ws") as socket:
        await receive(socket, "hello")
        stage.service.ingress.put("motion_features", [1.5, 2.0, 3.0, 0.1, 0.2, 0.9], source_id="test")
        stage.seconds(1.0)
        await frame(socket)  # of an earlier tick, or this one
        stage.tick(3)
        data = await frame(socket)
        seq, t, *values = struct.unpack("<Id5f11f5f", data)
        step = stage.page.hub.step
        assert step is not None
        assert (seq, t) == (step.frame.k, step.frame.t_ns / NS)
        assert values[:5] == pytest.approx(stage.service.controller.latest[0].as_tuple(), abs=1e-6)
        assert values[5:16] == pytest.approx(step.frame.features()[0].tolist())
        assert values[16:] == step.controls[0].tolist()


@pytest.mark.asyncio
async def test_every_verb_is_answered_obeyed_or_refused_with_a_reason() -> None:
    async with page_stage() as (stage, browser), browser.ws_connect(f"{stage.url}/ws") as socket:
        for number, verb in enumerate((await receive(socket, "hello"))["verbs"]):
            await socket.send_json({"type": "cmd", "id": number, "verb": verb, "args": _args(verb)})
            ack = await receive(socket, "ack")
            assert ack["id"] == number
            assert ack["ok"] or ack["reason"]
        assert stage.page.hub.events[-1]["kind"] == "command"


def _args(verb: str) -> dict[str, Any]:
    given = {"hold": {"control": "density"}, "mute": {"control": "density"}, "manual": {"control": "density"}}
    given |= {"scene": {"name": "calm"}, "policy": {"leader": "self"}}
    given |= {"shape": {"control": "density"}, "unlearn": {"command": "panic"}}
    return given.get(verb, {})


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("no json", "JSON object"),
        ("[1]", "JSON object"),
        ('{"type": "shutdown"}', "expected cmd or subscribe"),
        ('{"type": "cmd", "verb": "explode"}', "unknown command"),
        ('{"type": "cmd", "verb": "hold"}', "hold"),
        ('{"type": "cmd", "verb": "hold", "args": [1, 2, 3]}', "at most 2"),
        ('{"type": "subscribe", "hz": 1e9}', "hz"),
        ('{"type": "subscribe", "hz": "fast"}', "hz"),
        ('{"type": "subscribe", "performer": 5}', "performer"),
        ('{"type": "subscribe", "performer": -1}', "performer"),
    ],
)
async def test_what_makes_no_sense_is_answered_too(words: str, reason: str) -> None:
    async with page_stage() as (stage, browser), browser.ws_connect(f"{stage.url}/ws") as socket:
        await socket.send_str(words)
        ack = await receive(socket, "ack")
        assert ack["ok"] is False
        assert reason in ack["reason"]


@pytest.mark.asyncio
async def test_a_reloaded_page_learns_what_is_latched_and_what_happened() -> None:
    async with page_stage() as (stage, browser):
        async with browser.ws_connect(f"{stage.url}/ws") as socket:
            await socket.send_json({"type": "cmd", "id": 1, "verb": "panic"})
            assert (await receive(socket, "ack"))["ok"] is True
        async with browser.ws_connect(f"{stage.url}/ws") as socket:
            assert [e["verb"] for e in (await receive(socket, "hello"))["events"]] == ["panic"]
            stage.tick()
            state = await receive(socket, "state")
            assert state["latched"]["panic"] is True
            assert state["health"]["word"] == "PANIC"


@pytest.mark.asyncio
async def test_a_part_that_fails_to_say_how_it_is_hides_nobody_else() -> None:
    async with page_stage() as (stage, browser), browser.ws_connect(f"{stage.url}/ws") as socket:

        def broken() -> Mapping[str, Any]:
            raise OSError("disk gone")

        stage.service.facts |= {"recording": broken, "odd": lambda: {"nan": float("nan"), "path": object}}
        stage.seconds(1)
        state = await receive(socket, "state")
        while "recording" not in state:
            stage.seconds(1)
            state = await receive(socket, "state")
        assert state["recording"] == {"reason": "OSError: disk gone"}
        assert state["odd"]["nan"] is None
        assert state["hz"] > 0


@pytest.mark.asyncio
async def test_healthz_says_whether_the_tick_runs() -> None:
    async with page_stage() as (stage, browser):
        stage._start_ns = stage.service.clock.now_ns() - stage._k * 20_000_000
        stage.tick()
        async with browser.get(f"{stage.url}/healthz") as answer:
            assert answer.status == 200
        stage._start_ns -= 5 * NS
        stage.tick()
        async with browser.get(f"{stage.url}/healthz") as answer:
            assert answer.status == 503


@pytest.mark.asyncio
async def test_metrics_are_prometheus_text_with_the_services_counters() -> None:
    async with page_stage() as (stage, browser):
        stage.service.ingress.put("heart_rate", [70.0], source_id="strap")
        stage.service.ingress.put("heart_rate", [float("nan")], source_id="strap")
        stage.tick(9)
        async with browser.get(f"{stage.url}/metrics") as answer:
            text = await answer.text()
            assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        assert "choreo_ticks_total 10.0" in text
        assert 'choreo_samples_total{source="strap"} 1.0' in text
        assert 'choreo_samples_refused_total{cause="not finite",source="strap"} 1.0' in text


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


@pytest.mark.asyncio
async def test_a_port_in_use_gives_the_next_one_and_a_closed_page_has_no_address() -> None:
    async with page_stage() as (first, _):
        async with page_stage(port=first.page.port) as (second, browser):
            assert first.page.port < second.page.port < first.page.port + 10
            async with browser.get(second.url) as answer:
                assert answer.status == 200
        assert second.page.addresses() == []


@pytest.mark.asyncio
async def test_an_address_that_is_not_ours_is_no_reason_to_end_the_show() -> None:
    stage = PageStage(VirtualClock(), DashboardSettings(host="192.0.2.1", lan=True))
    with pytest.raises(AdapterLost) as lost:
        await stage.page.run()
    assert "dashboard.host" in lost.value.fix


async def _opened(settings: DashboardSettings, left: Mapping[str, Any] | None = None) -> tuple[int, Mapping[str, Any]]:
    """Let a page be opened and closed, after another one that `left` this; its port, and what it leaves itself."""
    page = PageStage(VirtualClock(), settings).page
    if left is not None:
        page.go_on(left)
    serving = asyncio.create_task(page.run())
    await true(lambda: page.port > 0)
    port, leaves = page.port, page.left()
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)
    assert page.left() == leaves  # also once it is closed: its engine may fall at any time
    return port, leaves


def _busy() -> socket.socket:
    """A socket that holds a port below the last ones."""
    while True:
        holds = socket.create_server(("127.0.0.1", 0))
        if holds.getsockname()[1] < 65000:
            return holds
        holds.close()


@pytest.mark.asyncio
async def test_after_a_take_over_the_page_is_where_it_was_though_the_wanted_port_is_free_by_now() -> None:
    with _busy() as holds:
        settings = DashboardSettings(port=holds.getsockname()[1])
        port, left = await _opened(settings)
    assert port > settings.port
    with capture_logs() as log:
        again, leaves = await _opened(settings, left)
    assert (again, leaves) == (port, left)
    assert "dashboard.port" not in [entry["event"] for entry in log]


@pytest.mark.asyncio
async def test_where_its_port_was_taken_meanwhile_the_page_opens_a_wanted_one_and_says_so() -> None:
    port, left = await _opened(DashboardSettings(port=0))
    with socket.create_server(("127.0.0.1", port)), capture_logs() as log:
        again, leaves = await _opened(DashboardSettings(port=0), left)
    assert again != port
    assert leaves == {**left, "port": again}
    told = [(entry["wanted"], entry["got"]) for entry in log if entry["event"] == "dashboard.port"]
    assert told == [(port, again)]


@pytest.mark.asyncio
async def test_a_port_that_the_configuration_names_by_now_counts() -> None:
    with _busy() as free:
        named = free.getsockname()[1]
    _, left = await _opened(DashboardSettings(port=0))
    with capture_logs() as log:
        port, _ = await _opened(DashboardSettings(port=named), left)
    assert named <= port < named + 10
    assert left["port"] not in [entry["wanted"] for entry in log if entry["event"] == "dashboard.port"]


@pytest.mark.asyncio
async def test_a_page_sees_whether_it_is_the_same_show_that_answers() -> None:
    shows = []
    async with page_stage() as (first, browser), page_stage() as (other, _):
        for stage in (first, first, other):
            async with browser.ws_connect(f"{stage.url}/ws") as talk:
                shows.append((await receive(talk, "hello"))["show"])
        left = first.page.left()
    assert shows[0] == shows[1] != shows[2]
    assert left["show_id"] == shows[0]
    assert (await _opened(DashboardSettings(port=0), left))[1]["show_id"] == shows[0]


@pytest.mark.asyncio
async def test_a_show_without_a_configuration_says_so() -> None:
    async with page_stage() as (stage, browser), browser.get(f"{stage.url}/api/config") as answer:
        assert answer.status == 404


@pytest.mark.asyncio
async def test_changes_are_judged_over_http_and_change_nothing(repo_root: Path) -> None:
    loaded = await asyncio.to_thread(lambda: load_settings(profile="demo", home=repo_root, environ={}))
    configuration = await asyncio.to_thread(Configuration, loaded)
    async with page_stage(configuration=configuration) as (stage, browser):
        for changes, problems in (({"engine.period_ms": 10}, 0), ({"engine.period_ms": 0}, 1)):
            async with browser.post(f"{stage.url}/api/config", json={"changes": changes}) as answer:
                assert len((await answer.json())["problems"]) == problems
        async with browser.post(f"{stage.url}/api/config", json={"changes": [1]}) as answer:
            assert answer.status == 400
    assert loaded.settings.engine.period_ms == 20


@pytest.mark.asyncio
async def test_a_page_that_breaks_is_opened_again_and_the_tick_goes_on() -> None:
    stage = PageStage(MonotonicClock(), DashboardSettings(port=0))
    healthy, opened = stage.page.hub.make_state, 0

    def broken() -> Mapping[str, Any]:
        stage.page.hub.make_state = healthy
        raise RuntimeError("a bug in the page")

    async with asyncio.TaskGroup() as tasks, aiohttp.ClientSession() as browser:
        supervise = stage.service.supervisor.supervise
        serving = tasks.create_task(supervise("dashboard", stage.page.run))
        for make_state in (broken, healthy):
            await true(lambda: stage.page.port > 0)
            opened += 1
            stage.page.hub.make_state = make_state
            async with browser.ws_connect(f"{stage.url}/ws") as socket:
                await receive(socket, "hello")
                stage.seconds(1)  # not disturbed: a listener that raised would end this
                if make_state is healthy:
                    await receive(socket, "state")
                else:
                    await true(lambda: stage.service.supervisor.states["dashboard"] == "down")
        serving.cancel()
    assert opened == 2
