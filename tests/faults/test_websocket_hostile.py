"""Visitors of the page who mean harm, over a real socket: it costs them their connection, and the others nothing."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random

import pytest
from faults.fuzz import websocket
from faults.mutants import mutants
from faults.websocket_fuzz import FLOOD, WebSocketStage
from page_line import TEXT, UPGRADE, frame
from page_stage import page_stage, receive, true

from choreo_service.commands import Resend
from choreo_service.dashboard.limits import BURST

VISITS = BURST - 5  # so many commands of the page that behaves are obeyed at once
RESEND = json.dumps({"type": "cmd", "id": 1, "verb": "resend"}).encode()


@pytest.fixture
def hostile_inputs() -> list[bytes]:
    with websocket() as target:
        return list(mutants(target, random.Random(11), VISITS))


async def visit(port: int) -> asyncio.StreamWriter:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(UPGRADE.format(port=port).encode())
    assert b" 101 " in await reader.readuntil(b"\r\n\r\n")
    return writer


@pytest.mark.asyncio(loop_factories=["asyncio", "uvloop"])
async def test_a_page_is_served_while_others_send_what_they_like(
    hostile_inputs: list[bytes], caplog: pytest.LogCaptureFixture
) -> None:
    async with page_stage() as (stage, browser), browser.ws_connect(f"{stage.url}/ws") as page:
        for number, data in enumerate(hostile_inputs):
            writer = await visit(stage.page.port)
            writer.write(data if number % 2 else frame(TEXT, data))
            await page.send_json({"type": "cmd", "id": number, "verb": "resend"})
            assert (await receive(page, "ack"))["id"] == number
            writer.transport.abort() if number % 3 else writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()
        await true(lambda: len(stage.page.hub.clients) == 1)
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


@pytest.mark.asyncio
async def test_a_flood_that_left_is_not_obeyed_any_more() -> None:
    """What waits behind its bucket would take minutes, and the place of another page."""
    async with page_stage(max_pages=1) as (stage, browser):
        obeyed: list[str] = []
        stage.service.desk.hooks.append(lambda answered: obeyed.append(answered.door))
        flood = await visit(stage.page.port)
        flood.write(frame(TEXT, RESEND) * FLOOD)
        await true(lambda: len(obeyed) >= BURST)
        flood.transport.abort()
        await true(lambda: not stage.page.hub.clients)
        assert len(obeyed) < FLOOD / 2
        async with browser.ws_connect(f"{stage.url}/ws") as page:
            await receive(page, "hello")


def test_the_fuzzer_forgives_no_bug_behind_a_polite_answer() -> None:
    def broken(_: Resend) -> None:
        raise KeyError("nothing")

    with asyncio.Runner() as runner:
        stage = WebSocketStage(runner.get_loop())
        runner.run(stage.open())
        assert runner.run(stage.take(b"\0" + RESEND)) == ""
        stage.service.desk._handlers[Resend] = broken
        with pytest.raises(AssertionError, match="KeyError"):
            runner.run(stage.take(b"\0" + RESEND))
        runner.run(stage.close())
