"""Where the page is found: a port that is taken, an address not ours, and the same place after a take-over."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping
from typing import Any

import pytest
from page_stage import PageStage, page_stage, receive, true
from structlog.testing import capture_logs

from choreo_service.clock import VirtualClock
from choreo_service.config import DashboardSettings
from choreo_service.errors import AdapterLost


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
