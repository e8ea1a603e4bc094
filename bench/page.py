"""What pages cost the tick: the same service, ten seconds without a page, ten with five, ten with five of which one is
stuck, and again. The service has real-time priority, if it may: the pages' own programs compete for the same cores."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from contextlib import AsyncExitStack
from statistics import median
from typing import Any, Final

import aiohttp

from bench.child import Host

SETTINGS: Final = {
    "sensors": {"phone": None, "dancer": {"type": "synthetic"}},
    "bridges": {"bars": None, "synth": None, "midi": None, "nowhere": {"type": "null"}},
    "doors": {"osc": None},
    "log": {"level": "error"},
}
WINDOW_S: Final = 10.0  # what the service's own `recent` figures look back on
PAGES: Final = 5
HZ: Final = 30
AIM_MS: Final = 1.0


def page(rounds: int) -> None:
    """Print p50, p99 and max of the tick's lateness per condition: the median of `rounds` windows each."""
    port = free_tcp_port()
    host = Host(SETTINGS, {"dashboard.port": port}, fifo=True)
    rows = asyncio.run(_alternate(f"http://127.0.0.1:{port}", host.cost, rounds))
    host.end()
    print(f"\nPages at {HZ} Hz and the tick, ms: medians of {rounds} windows of {WINDOW_S:g} s, alternating in one run")
    print(f"{'':34}{'late p50':>9}{'p99':>8}{'max':>8}{'skipped':>9}{'CPU %':>8}{'frames/s of each':>18}")
    for name, found in rows.items():
        late = [median(one["late"][key] for one in found) for key in ("p50", "p99", "max")]
        skipped, cpu = sum(one["skipped"] for one in found), median(one["cpu"] for one in found)
        frames = median(rate for one in found for rate in one["rates"]) if found[0]["rates"] else 0.0
        print(f"{name:34}{late[0]:9.2f}{late[1]:8.2f}{late[2]:8.2f}{skipped:9d}{cpu:8.1f}{frames:18.1f}")
    with_pages, without = rows[f"{PAGES} pages"], rows["no page"]
    rise = median(a["late"]["p99"] - b["late"]["p99"] for a, b in zip(with_pages, without, strict=True))
    print(f"p99 with {PAGES} pages against none, neighbouring windows: {rise:+.2f} ms (aim: below {AIM_MS:g})")


async def _alternate(url: str, cost: Callable[[float], tuple[float, float]], rounds: int) -> dict[str, list[Any]]:
    rows: dict[str, list[Any]] = {"no page": [], f"{PAGES} pages": [], f"{PAGES} pages, one of them stuck": []}
    async with aiohttp.ClientSession() as browser:
        await _answers(browser, url)
        for _ in range(rounds):
            for name, pages, stuck in zip(rows, (0, PAGES, PAGES - 1), (0, 0, 1), strict=True):
                rows[name].append(await _window(browser, url, cost, pages, stuck))
    return rows


async def _window(
    browser: aiohttp.ClientSession, url: str, cost: Callable[[float], tuple[float, float]], pages: int, stuck: int
) -> dict[str, Any]:
    async with AsyncExitStack() as stack:
        readers = [await stack.enter_async_context(browser.ws_connect(f"{url}/ws")) for _ in range(pages)]
        for _ in range(stuck):
            await stack.enter_async_context(browser.ws_connect(f"{url}/ws"))  # whose messages nobody takes
        counts = [0] * pages
        tasks = [asyncio.get_running_loop().create_task(_read(ws, counts, i)) for i, ws in enumerate(readers)]
        cpu, _ = await asyncio.to_thread(cost, WINDOW_S)
        async with browser.get(f"{url}/api/state") as answer:
            recent = (await answer.json())["recent"]
        for task in tasks:
            task.cancel()
    return {
        "late": recent["late_ms"],
        "skipped": recent["skipped"],
        "cpu": cpu,
        "rates": [n / WINDOW_S for n in counts],
    }


async def _read(page: aiohttp.ClientWebSocketResponse, counts: list[int], index: int) -> None:
    await page.send_json({"type": "subscribe", "id": 1, "hz": HZ})
    async for message in page:
        counts[index] += message.type is aiohttp.WSMsgType.BINARY


async def _answers(browser: aiohttp.ClientSession, url: str) -> None:
    while True:
        try:
            async with browser.get(f"{url}/healthz") as answer:
                if answer.status == 200:
                    await asyncio.sleep(3.0)  # past the start
                    return
        except aiohttp.ClientConnectionError:
            pass
        await asyncio.sleep(0.2)


def free_tcp_port() -> int:
    """A TCP port of this machine that nobody has taken."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port
