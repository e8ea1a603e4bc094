"""The service as `choreo demo` builds it, in a thread of its own: every handler is the real one."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Final, Self

from choreo_service.clock import MonotonicClock
from choreo_service.config import load_settings
from choreo_service.dashboard.dashboard import Dashboard
from choreo_service.service.build import build_service
from choreo_service.service.reload import Reload
from choreo_service.service.show import Service
from rig.process import wait_until

OPEN_S: Final = 60.0  # a slow machine reads models and pages


class RealShow:
    """Plays inside its `with` block; `home` is a workspace, `overrides` are as after -o."""

    def __init__(self, home: Path, *overrides: str) -> None:
        settings = ("dashboard.port=0", "bridges.bars=null", "engine.mapper=rules", *overrides)
        load = partial(load_settings, profile="demo", home=home, environ={}, overrides=settings)
        self.loaded = load()
        self.service: Service = build_service(self.loaded, MonotonicClock())
        assert self.service.dashboard is not None
        self.page: Dashboard = self.service.dashboard
        self.service.beside["rig"] = self._note_loop
        self.reload = Reload(self.service, self.loaded, load)
        self.service.beside["reload"] = self.reload.run
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = Thread(target=lambda: asyncio.run(self.service.run()), name="rig-real-show")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.page.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        wait_until(lambda: self.page.port > 0 and self._loop is not None, "the page is open", timeout_s=OPEN_S)
        return self

    def __exit__(self, *_: object) -> None:
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self.service.stop)
        self._thread.join()
        self.service.recorder.close()

    async def _note_loop(self) -> None:
        self._loop = asyncio.get_running_loop()
        await asyncio.Event().wait()
