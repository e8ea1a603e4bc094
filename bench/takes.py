"""What opening a long take costs: the time until the page has its curves, and the tick meanwhile. The same service, ten
seconds in peace, ten in which two takes of an hour are opened by turns and scrubbed, ten in which one is exported."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from statistics import median
from typing import Any, Final

import aiohttp

from bench.child import Host
from bench.page import SETTINGS, WINDOW_S, await_answers, free_tcp_port

MINUTES: Final = 53  # as long as the longest real recording we have
OPEN_AIM_S: Final = 1.0
STALL_AIM_MS: Final = 5.0
_NAMES: Final = ("one", "two")  # alike: whoever opens one after the other reads it from the disk


def takes(rounds: int, source: Path | None) -> None:
    """Print how long opening takes and how late the tick was; medians of `rounds` windows. `source` is any recording
    that choreo-lab imports; without one, a synthetic dancer."""
    with tempfile.TemporaryDirectory() as folder:
        recordings = Path(folder) / "recordings"
        _make(recordings, source)
        port = free_tcp_port()
        host = Host(SETTINGS, {"dashboard.port": port, "recorder.folder": str(recordings)}, fifo=True)
        rows = asyncio.run(_alternate(f"http://127.0.0.1:{port}", rounds))
        host.end()
    print(f"\nTakes of {MINUTES} minutes and the tick, ms: medians of {rounds} windows of {WINDOW_S:g} s by turns")
    print(f"{'':34}{'late p50':>9}{'p99':>8}{'max':>8}{'skipped':>9}")
    for name, found in rows.items():
        late = [median(one["late"][key] for one in found) for key in ("p50", "p99", "max")]
        skipped = sum(one["skipped"] for one in found)
        print(f"{name:34}{late[0]:9.2f}{late[1]:8.2f}{late[2]:8.2f}{skipped:9d}")
    opened = [s for one in rows["opened by turns, scrubbed"] for s in one["opened_s"]]
    print(f"first opening, reader not started yet: {rows['opened by turns, scrubbed'][0]['opened_s'][0]:.2f} s")
    print(
        f"opening, {len(opened)} times: median {median(opened):.2f} s, at most {max(opened):.2f} (aim {OPEN_AIM_S:g})"
    )
    print(f"aim for the tick: no stall above {STALL_AIM_MS:g} ms")


def _make(recordings: Path, source: Path | None) -> None:
    lab = str(Path(sys.executable).with_name("choreo-lab"))
    if source is None:
        made = ("generate", "--sessions", "1", "--minutes", str(MINUTES), "--out", str(recordings))
    else:
        made = ("import", str(source), "--out", str(recordings))
    subprocess.run([lab, *made], check=True, stdout=subprocess.DEVNULL)
    (take,) = (path for path in recordings.iterdir() if (path / "meta.json").is_file())
    for name in _NAMES:
        shutil.copytree(take, recordings / name)


async def _alternate(url: str, rounds: int) -> dict[str, list[dict[str, Any]]]:
    works: dict[str, Callable[[aiohttp.ClientSession, str], Awaitable[list[float]]]] = {
        "in peace": _nothing,
        "opened by turns, scrubbed": _opened,
        "one exported as CSV": _exported,
    }
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in works}
    async with aiohttp.ClientSession() as browser:
        await await_answers(browser, url)
        for _ in range(rounds):
            for name, work in works.items():
                rows[name].append(await _window(browser, url, work))
    return rows


async def _window(
    browser: aiohttp.ClientSession, url: str, work: Callable[..., Awaitable[list[float]]]
) -> dict[str, Any]:
    """What the service says of the ten seconds in which `work` was done at least once."""
    ends, opened_s = time.monotonic() + WINDOW_S, list[float]()
    while time.monotonic() < ends:
        opened_s += await work(browser, url)
    async with browser.get(f"{url}/api/state") as answer:
        recent = (await answer.json())["recent"]
    return {"late": recent["late_ms"], "skipped": recent["skipped"], "opened_s": opened_s}


async def _nothing(browser: aiohttp.ClientSession, url: str) -> list[float]:
    await asyncio.sleep(0.5)
    return []


async def _opened(browser: aiohttp.ClientSession, url: str) -> list[float]:
    opened_s = []
    for name in _NAMES:
        began = time.monotonic()
        await _curves(browser, url, name, 0.0, 1e6)
        opened_s.append(time.monotonic() - began)
        for part in range(5):
            await _curves(browser, url, name, 300.0 * part, 300.0 * part + 60.0)
    return opened_s


async def _curves(browser: aiohttp.ClientSession, url: str, name: str, begin_s: float, end_s: float) -> None:
    query = {"from": begin_s, "to": end_s, "points": 2500}
    async with browser.get(f"{url}/api/takes/{name}", params=query) as answer:
        answer.raise_for_status()
        await answer.read()


async def _exported(browser: aiohttp.ClientSession, url: str) -> list[float]:
    words = {"kind": "export", "take": _NAMES[0], "form": "csv"}
    async with browser.post(f"{url}/api/errands", json=words) as answer:
        answer.raise_for_status()
        told = await answer.json()
    while told["state"] == "running":
        await asyncio.sleep(0.2)
        async with browser.get(f"{url}/api/errands/{told['id']}") as answer:
            told = await answer.json()
    if told["state"] != "done":
        raise SystemExit(f"export failed: {told['said']}")
    return []
