"""What recording costs the tick: the same service, ten seconds without and ten with it, and again."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable
from statistics import median
from typing import Any, Final

import aiohttp

from bench.child import Host
from bench.page import SETTINGS, WINDOW_S, await_answers, free_tcp_port

SETTLE_S: Final = 5.0  # a take that ended is finished meanwhile, by a process that gives way
Cost = Callable[[float], tuple[float, float]]


def recording(rounds: int) -> None:
    """Print p50, p99 and max of the tick's lateness with and without: the median of `rounds` windows each."""
    port = free_tcp_port()
    with tempfile.TemporaryDirectory() as takes:
        host = Host(SETTINGS, {"dashboard.port": port, "recorder.folder": takes}, fifo=True)
        rows = asyncio.run(_alternate(f"http://127.0.0.1:{port}", host.cost, rounds))
        host.end()
    print(f"\nRecording and the tick, ms: medians of {rounds} windows of {WINDOW_S:g} s, alternating in one run")
    print(f"{'':34}{'late p50':>9}{'p99':>8}{'max':>8}{'skipped':>9}{'CPU %':>8}")
    for name, found in rows.items():
        late = [median(one["late"][key] for one in found) for key in ("p50", "p99", "max")]
        skipped, cpu = sum(one["skipped"] for one in found), median(one["cpu"] for one in found)
        print(f"{name:34}{late[0]:9.2f}{late[1]:8.2f}{late[2]:8.2f}{skipped:9d}{cpu:8.1f}")
    rise = median(a["late"]["p99"] - b["late"]["p99"] for b, a in zip(*rows.values(), strict=True))
    print(f"p99 with recording against none, neighbouring windows: {rise:+.2f} ms")


async def _alternate(url: str, cost: Cost, rounds: int) -> dict[str, list[Any]]:
    rows: dict[str, list[Any]] = {"not recording": [], "recording": []}
    async with aiohttp.ClientSession() as browser:
        await await_answers(browser, url)
        for _ in range(rounds):
            for name, found in rows.items():
                await _record(browser, url, on=name == "recording")
                found.append(await _window(browser, url, cost))
        await _record(browser, url, on=False)
    return rows


async def _record(browser: aiohttp.ClientSession, url: str, *, on: bool) -> None:
    command = {"verb": "record", "args": {"on": on}}
    async with browser.post(f"{url}/api/command", json=command) as answer:
        assert answer.status == 200, await answer.text()
    await asyncio.sleep(SETTLE_S)


async def _window(browser: aiohttp.ClientSession, url: str, cost: Cost) -> dict[str, Any]:
    cpu, _ = await asyncio.to_thread(cost, WINDOW_S)
    async with browser.get(f"{url}/api/state") as answer:
        recent = (await answer.json())["recent"]
    return {"late": recent["late_ms"], "skipped": recent["skipped"], "cpu": cpu}
