"""What is no HTTP, at the page and at the WebSocket bridge: refused, counted by cause, said once, and the others are
served."""

from __future__ import annotations

import asyncio
import io
import json
import socket
import struct
from collections.abc import Iterator
from typing import Any, Final

import aiohttp
import pytest
import structlog
from page_stage import page_stage, true
from prometheus_client.parser import text_string_to_metric_families

from choreo_adapters.bridges.midi_ws.bridge import MidiWebSocket, MidiWsConfig
from choreo_service import logs
from choreo_service.clock import MonotonicClock
from choreo_service.testing import sample_wires

EACH: Final = 40  # of every shape
_POST: Final = b"POST /api/session HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
_SECRET: Final = b"not-for-the-log"
MALFORMED: Final = {
    "no Host header": b"GET / HTTP/1.1\r\nX: " + _SECRET + b"\r\n\r\n",
    "not HTTP": bytes(range(128, 256)) + _SECRET + b"\r\n\r\n",
    "TLS, not HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\r\n" * 200,
    "line too long": b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + _SECRET * 1000 + b"\r\n\r\n",
    "too many headers": b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n" + b"X: y\r\n" * 200 + b"\r\n",
    "bad chunk": _POST + b"Transfer-Encoding: chunked\r\n\r\n" + _SECRET + b"\r\n",
    "bad Content-Length": _POST + b"Content-Length: ten\r\n\r\n",
    "bad header": b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n" + _SECRET + b" here\r\n\r\n",
}
ONCE: Final = sorted(MALFORMED)
_UPGRADE: Final = (
    b"Upgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
    b"Sec-WebSocket-Version: 13\r\n\r\n"
)


@pytest.fixture
def shown() -> Iterator[io.StringIO]:
    """The log as the service writes it."""
    stream = io.StringIO()
    log = logs.configure(fmt="json", stream=stream)
    yield stream
    log.close()
    structlog.reset_defaults()


async def _lines(shown: io.StringIO, event: str, count: int) -> list[dict[str, Any]]:
    """The lines of one event, once there are so many: they are written by a thread."""

    def found() -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in shown.getvalue().splitlines(keepends=True) if line.endswith("\n")]
        return [line for line in lines if line["event"] == event]

    await true(lambda: len(found()) >= count)
    return found()


async def _say(port: int, data: bytes) -> bytes:
    """One connection of its own; what is answered until it is closed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    async with asyncio.timeout(20):
        answer = await reader.read()
    writer.close()
    return answer


async def _hang_up(port: int, data: bytes) -> None:
    """Say something and be gone, without waiting for the answer."""
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def _malformed(browser: aiohttp.ClientSession, url: str) -> dict[str, float]:
    async with browser.get(f"{url}/metrics") as answer:
        page = await answer.text()
    families = {family.name: family for family in text_string_to_metric_families(page)}
    return {sample.labels["cause"]: sample.value for sample in families["choreo_http_malformed"].samples}


@pytest.mark.asyncio(loop_factories=["asyncio", "uvloop"])
async def test_a_flood_of_no_http_is_counted_said_once_and_costs_the_others_nothing(
    shown: io.StringIO, capfd: pytest.CaptureFixture[str]
) -> None:
    async with page_stage() as (stage, browser):
        for _ in range(EACH):
            answers = await asyncio.gather(*(_say(stage.page.port, data) for data in MALFORMED.values()))
            assert {answer.split(b" ")[1] for answer in answers} == {b"400"}
            async with browser.get(f"{stage.url}/api/state") as answer:
                assert answer.status == 200
        assert await _malformed(browser, stage.url) == dict.fromkeys(MALFORMED, EACH)
        told = await _lines(shown, "http.refused", len(MALFORMED))
    assert sorted(line["cause"] for line in told) == ONCE
    assert {(line["door"], line["peer"]) for line in told} == {("dashboard", "127.0.0.1")}
    everything = shown.getvalue() + capfd.readouterr().err
    assert "Traceback" not in everything
    assert _SECRET.decode() not in everything
    assert len(everything.splitlines()) == 1 + len(MALFORMED)  # and that the page is open


@pytest.mark.asyncio
async def test_the_websocket_bridge_does_the_same(shown: io.StringIO, capfd: pytest.CaptureFixture[str]) -> None:
    bridge = MidiWebSocket(MidiWsConfig(port=0), sample_wires(), MonotonicClock())
    async with asyncio.TaskGroup() as tasks, aiohttp.ClientSession() as browser:
        running = tasks.create_task(bridge.run())
        await true(lambda: bridge.health()["state"] == "waiting")
        url = str(bridge.health()["target"]).replace("ws://", "http://")
        port = int(url.split(":")[2].split("/")[0])
        for _ in range(3):
            await asyncio.gather(*(_say(port, data) for data in MALFORMED.values()))
        for header in (b"Host: [::1", b"Host: 127.0.0.1\r\nOrigin: http://[::1"):
            head = b"GET /midi HTTP/1.1\r\n" + header + b"\r\nConnection: close\r\n\r\n"
            assert (await _say(port, head)).split(b" ")[1] == b"403"
        async with browser.ws_connect(url) as page:
            await true(lambda: bridge.health()["state"] == "open")
            await page.close()
        assert bridge.health()["malformed"] == 3 * len(MALFORMED)
        told = await _lines(shown, "http.refused", len(MALFORMED))
        running.cancel()
    assert sorted(line["cause"] for line in told) == ONCE
    assert {line["door"] for line in told} == {"midi_ws"}
    assert "Traceback" not in shown.getvalue() + capfd.readouterr().err


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("data", "status"),
    [
        (_POST + b"Connection: close\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nabcde", b"400"),
        (_POST.replace(b"json", b"json; charset=none") + b"Connection: close\r\nContent-Length: 2\r\n\r\n{}", b"400"),
        (_POST + b'Connection: close\r\nContent-Length: 18\r\n\r\n{"token":"\\ud800"}', b"401"),
        (b"GET / HTTP/1.1\r\nHost: \xff\xfe:1\r\nConnection: close\r\n\r\n", b"403"),
        (b"GET / HTTP/1.1\r\nHost: [::1\r\nConnection: close\r\n\r\n", b"403"),
    ],
    ids=["body that is no gzip", "unknown charset", "token that is no Unicode", "Host that is no text", "half a Host"],
)
async def test_http_whose_contents_make_no_sense_is_refused_too(shown: io.StringIO, data: bytes, status: bytes) -> None:
    async with page_stage(lan=True, token="a-token-of-sixteen-or-more") as (stage, browser):
        assert (await _say(stage.page.port, data)).split(b" ")[1] == status
        async with browser.get(f"{stage.url}/api/state") as answer:
            assert answer.status == 200
    assert "http.fault" not in shown.getvalue()


@pytest.mark.asyncio
async def test_visitors_who_hang_up_are_no_fault(shown: io.StringIO, capfd: pytest.CaptureFixture[str]) -> None:
    async with page_stage() as (stage, browser):
        host = f"Host: 127.0.0.1:{stage.page.port}\r\n".encode()
        half = (
            b"POST /api/session HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 50\r\n" + host + b"\r\n{"
        )
        for _ in range(20):
            for data in (b"GET / HTTP/1.1\r\n" + host + b"\r\n", half, b"GET /ws HTTP/1.1\r\n" + host + _UPGRADE):
                await _hang_up(stage.page.port, data)
            async with browser.get(f"{stage.url}/api/state") as answer:
                assert answer.status == 200
        await true(lambda: not stage.page.hub.clients)
    assert "Traceback" not in shown.getvalue() + capfd.readouterr().err


@pytest.mark.asyncio
async def test_a_fault_of_ours_keeps_its_traceback(shown: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    async with page_stage() as (stage, browser):

        def broken() -> None:
            raise ZeroDivisionError("ours")

        monkeypatch.setattr(stage.page._picture, "state", broken)
        async with browser.get(f"{stage.url}/api/state") as answer:
            assert answer.status == 500
        (told,) = await _lines(shown, "http.fault", 1)
        assert await _malformed(browser, stage.url) == {}
    assert told["level"] == "error"
    assert "Traceback" in told["exception"]
    assert "ZeroDivisionError: ours" in told["exception"]


@pytest.mark.asyncio
async def test_a_log_that_fails_costs_nobody_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise OSError("the disk is full")

    async with page_stage() as (stage, browser):
        monkeypatch.setattr(stage.page._picture, "state", broken)
        monkeypatch.setattr("choreo_service.http_server.get_logger", broken)
        async with browser.get(f"{stage.url}/api/state") as answer:
            assert answer.status == 500
