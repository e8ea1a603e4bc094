"""A show in virtual time that reads its configuration again, from files that a test may change meanwhile."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import yaml
from structlog.testing import capture_logs

from choreo_service.clock import NS, VirtualClock, run_virtual
from choreo_service.config import load_settings
from choreo_service.replay import Tape
from choreo_service.service.build import build_service
from choreo_service.service.reload import Prepared, Reload
from choreo_service.service.show import Service
from choreo_service.testing import RecordingBridge
from choreo_service.testing.bridges import RecordingConfig

READING_NS = 3 * NS // 10  # what the disk takes
OPTIONS = ("dashboard.enabled=false", "bridges.synth.type=null", "bridges.midi=null")


class Show:
    """A workspace and the show that was started in it, with a bridge that keeps what it is sent."""

    def __init__(self, home: Path, options: Sequence[str] = ()) -> None:
        self.home, self.clock, self.tape = home, VirtualClock(), Tape()
        self.load = partial(load_settings, profile="demo", home=home, overrides=(*OPTIONS, *options), environ={})
        loaded = self.load()
        self.service: Service = build_service(loaded, self.clock)
        self.bridge = RecordingBridge(RecordingConfig(), self.service.bridges["synth"]._controls, self.clock)  # type: ignore[attr-defined]
        self.service.bridges = {"synth": self.bridge}
        self.service.listeners.append(self.tape)
        self.reload = Reload(self.service, loaded, self.load, apart=self._apart)
        self.ask: Callable[[], object] = self.reload.ask

    def edit(self, file: str, **keys: Any) -> None:
        edit(self.home, file, **keys)

    def play(self, *changes: Callable[[], None]) -> list[dict[str, Any]]:
        """Two seconds, then each change and a reload, and four seconds after it; what the log says."""

        async def main() -> None:
            async with asyncio.TaskGroup() as group:
                reload = group.create_task(self.reload.run())
                show = group.create_task(self.service.run(seconds=2 + 4 * len(changes)))
                for number, change in enumerate(changes):
                    await self.clock.sleep_until((2 + 4 * number) * NS + began_ns)
                    change()
                    self.ask()
                await show
                reload.cancel()

        began_ns = self.clock.now_ns()
        with capture_logs() as said:
            run_virtual(self.clock, main())
        return [dict(line) for line in said if line["event"].startswith(("config.", "models.", "mapper."))]

    async def _apart(self, prepare: Callable[[], Prepared]) -> Prepared:
        await self.clock.sleep_until(self.clock.now_ns() + READING_NS)
        return await in_a_thread(prepare)

    @property
    def ticks(self) -> list[int]:
        return [entry.k for entry in self.tape.entries]

    def missed(self) -> list[int]:
        """Ticks that did not follow the one before."""
        return [b for a, b in itertools.pairwise(self.ticks) if b != a + 1]


def edit(home: Path, file: str, **keys: Any) -> None:
    """Update blocks of a file in the workspace's configs."""
    path = home / "configs" / file
    told = yaml.safe_load(path.read_text()) or {}
    for key, value in keys.items():
        block = told[key] = told.get(key) or {}
        block.update(value)
    path.write_text(yaml.safe_dump(told))


async def in_a_thread(prepare: Callable[[], Prepared]) -> Prepared:
    """Virtual time stands still meanwhile, as the loop always has something to do, so that every run is the same."""
    reading = asyncio.ensure_future(asyncio.to_thread(prepare))
    while not reading.done():  # noqa: ASYNC110 - an event would let virtual time jump to the next tick
        await asyncio.sleep(0)
    return reading.result()
