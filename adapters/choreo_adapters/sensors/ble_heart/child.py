"""The helper process: `python -m choreo_adapters.sensors.ble_heart.child JSON`.

JSON is `{"config": {...}, "prefer": address}` to play, `{"scan_s": seconds, "radio": name}` to list straps.

It serves one connection and ends: the next one gets a fresh process, free of whatever bleak and the D-Bus libraries
still believe. It also ends when stdin does, so it never outlives the service.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from choreo_adapters.helper.reports import to_line
from choreo_adapters.sensors.ble_heart.config import BleHeartConfig
from choreo_adapters.sensors.ble_heart.news import HEARTBEAT_S, News
from choreo_service.clock import MonotonicClock

if TYPE_CHECKING:
    from choreo_adapters.sensors.ble_heart.strap import StrapSession

SELF_DESTRUCT_S: Final = 15  # a helper stuck in a driver ends itself after this, should its parent be gone too


async def serve(session: StrapSession, news: News) -> None:
    """One connection, with heartbeats, until it is lost or stdin ends."""
    from choreo_adapters.sensors.ble_heart.strap import StrapLost

    async def connection() -> None:
        try:
            await session.run()
        except StrapLost as error:
            news.become("lost", str(error))
        except Exception as error:  # noqa: BLE001 - nobody reads our stderr
            news.become("lost", f"the Bluetooth process failed: {type(error).__name__}: {error}")

    async with asyncio.TaskGroup() as group:
        beating = group.create_task(_beat(news))
        playing = group.create_task(connection())
        threading.Thread(target=_end_with_stdin, args=(asyncio.get_running_loop(), playing), daemon=True).start()
        with suppress(asyncio.CancelledError):
            await playing
        beating.cancel()


def main(settings: Mapping[str, Any]) -> None:
    """Play or list; a line `not-installed` when bleak can't be loaded."""
    _survive_signals()
    try:
        _list_straps(**settings) if "scan_s" in settings else _play(**settings)
    except ImportError as error:
        _write(to_line({"state": "not-installed", "reason": f"bleak can't be loaded: {error}"}))


def _play(config: Mapping[str, Any], prefer: str) -> None:
    if hasattr(os, "set_blocking"):
        os.set_blocking(1, False)  # a service that doesn't listen must not stop the radio
    news = News(_write)
    news.tell()  # before bleak is loaded, which takes a while on a slow disk
    from choreo_adapters.sensors.ble_heart.strap import StrapSession

    session = StrapSession(BleHeartConfig.model_validate(config), news, MonotonicClock(), prefer)
    asyncio.run(serve(session, news))


def _list_straps(scan_s: float, radio: str | None) -> None:
    from choreo_adapters.sensors.ble_heart.strap import RADIO_ERRORS, scan
    from choreo_adapters.sensors.ble_heart.systems import Unavailable, why_unavailable

    try:
        straps = asyncio.run(scan(scan_s, radio))
    except RADIO_ERRORS as error:
        why = why_unavailable(error) or Unavailable(f"the scan failed: {error}", "")
        _write(to_line({"state": "no-bluetooth", **why._asdict()}))
    else:
        _write(to_line({"state": "scanned", "straps": straps}))


async def _beat(news: News) -> None:
    while True:
        if hasattr(signal, "alarm"):
            signal.alarm(SELF_DESTRUCT_S)  # its default action ends the process even inside a driver
        await asyncio.sleep(HEARTBEAT_S)
        news.tell()


def _end_with_stdin(loop: asyncio.AbstractEventLoop, playing: asyncio.Task[None]) -> None:
    """In a thread, because Windows can't wait for a pipe otherwise."""
    while os.read(0, 4096):
        pass
    with suppress(RuntimeError):  # the loop was closed before us
        loop.call_soon_threadsafe(playing.cancel)


def _write(line: bytes) -> None:
    os.write(1, line)  # shorter than a pipe's atomic size: whole or not at all


def _survive_signals() -> None:
    """Ctrl-C and a service manager's stop reach the whole group, but only the service decides when we end."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)


if __name__ == "__main__":
    with suppress(BrokenPipeError):  # the service is gone
        main(json.loads(sys.argv[1]))
