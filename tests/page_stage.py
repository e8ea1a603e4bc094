"""A dashboard on a real socket over a service that is ticked by hand: no real time passes but the network's."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
from shows import PERIOD, default_map, make_service

from choreo_service.clock import NS, Clock, MonotonicClock
from choreo_service.config import DashboardSettings
from choreo_service.core import Core
from choreo_service.dashboard.configuration import Configuration
from choreo_service.dashboard.dashboard import Dashboard
from choreo_service.recorder import Recorder
from choreo_service.service.face import add_dashboard
from choreo_service.service.show import Service
from choreo_service.ticker import Tick

NOWHERE = Path("/nonexistent")


class PageStage:
    """The service, its page and a browser; `tick()` plays one slot of the grid."""

    def __init__(
        self,
        clock: Clock,
        settings: DashboardSettings,
        performers: int = 1,
        recordings: Path = NOWHERE,
        recorder: Callable[[Core], Recorder] | None = None,
    ) -> None:
        self.service: Service = make_service(clock, {}, {}, performers=performers, recorder=recorder)
        self.page: Dashboard = add_dashboard(self.service, settings, default_map(), recordings)
        self.service.dashboard = self.page
        self._k, self._start_ns = 0, clock.now_ns()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.page.port}"

    def tick(self, count: int = 1, *, late_ns: int = 0) -> None:
        for _ in range(count):
            self._k += 1
            due_ns = self._start_ns + self._k * PERIOD
            packets = self.service.ingress.take_until(due_ns)
            step = self.service.core.step(self._k, 1, due_ns, packets)
            self.service.controller.offer(step)
            tick = Tick(self._k, 1, due_ns, late_ns)
            for listener in self.service.listeners:
                listener(tick, packets, step)
            self.service.telemetry.observe(tick, step, 0)

    def seconds(self, seconds: float) -> None:
        self.tick(round(seconds * NS / PERIOD))


@asynccontextmanager
async def page_stage(
    *, performers: int = 1, recordings: Path = NOWHERE, configuration: Configuration | None = None, **settings: Any
) -> AsyncIterator[tuple[PageStage, aiohttp.ClientSession]]:
    stage = PageStage(MonotonicClock(), DashboardSettings(**{"port": 0, **settings}), performers, recordings)
    stage.page.configuration = configuration
    async with asyncio.TaskGroup() as tasks, aiohttp.ClientSession() as browser:
        serving = tasks.create_task(stage.page.run())
        await true(lambda: stage.page.port > 0)
        stage.tick()
        yield stage, browser
        serving.cancel()


async def true(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - the other end of a socket decides
            await asyncio.sleep(0.002)


async def receive(socket: aiohttp.ClientWebSocketResponse, kind: str) -> dict[str, Any]:
    """The next JSON message of this type; frames and other messages before it are passed over."""
    while True:
        message = await socket.receive(timeout=20)
        assert message.type in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY), message
        if message.type is aiohttp.WSMsgType.TEXT:
            words: dict[str, Any] = json.loads(message.data)
            if words["type"] == kind:
                return words


async def frame(socket: aiohttp.ClientWebSocketResponse) -> bytes:
    """The next hot frame."""
    while True:
        message = await socket.receive(timeout=20)
        if message.type is aiohttp.WSMsgType.BINARY:
            data: bytes = message.data
            return data
