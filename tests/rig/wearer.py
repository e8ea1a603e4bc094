"""Someone who wears a strap: a BleHeart under the real supervisor, and what the service would see of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

from choreo_adapters.sensors.ble_heart import BleHeart
from choreo_service.clock import MonotonicClock
from choreo_service.supervisor import AdapterEvent, Backoff, Supervisor
from choreo_service.testing import RecordingEmit

QUICK: Final = {"silent_s": 0.6, "connect_s": 0.6, "scan_s": 0.6}
PATIENCE_S: Final = 20.0  # far above any machine's jitter: what hasn't happened by then won't


class Wearer:
    """Waits for what is to come; a wait in vain fails with what the adapter says."""

    def __init__(self, **config: Any) -> None:
        self.emit = RecordingEmit()
        self.clock = MonotonicClock()
        self.heart = BleHeart(BleHeart.Config.model_validate({**QUICK, **config}), self.emit, self.clock)
        self.supervisor = Supervisor(self.clock, backoff=Backoff(base_s=0.05, cap_s=0.2))
        self.supervisor.hooks.append(self._note)
        self.causes: list[str] = []  # of each loss

    async def beats(self, count: int = 3) -> float:
        """Wait for `count` more samples of the rate; the seconds that took."""
        wanted = len(self.emit.of("heart_rate")) + count
        return await self.until(lambda: len(self.emit.of("heart_rate")) >= wanted, "beats")

    async def says(self, reason: str) -> float:
        """Wait until health() gives this reason, or a part of it."""
        return await self.until(lambda: reason in self.heart.health().get("reason", ""), reason)

    async def loses(self, cause: str) -> float:
        """Wait for a loss whose text contains `cause`."""
        return await self.until(lambda: any(cause in told for told in self.causes), cause)

    async def until(self, condition: Callable[[], bool], what: str) -> float:
        start_ns = self.clock.now_ns()
        while not condition():
            await asyncio.sleep(0.01)
            took_s = (self.clock.now_ns() - start_ns) / 1e9
            assert took_s < PATIENCE_S, f"waited for {what!r}; health {self.heart.health()}, losses {self.causes}"
        return (self.clock.now_ns() - start_ns) / 1e9

    def _note(self, event: AdapterEvent) -> None:
        if event.state == "down":
            self.causes.append(event.cause)


@asynccontextmanager
async def worn(**config: Any) -> AsyncIterator[Wearer]:
    """A strap's adapter, supervised while the block runs."""
    wearer = Wearer(**config)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(wearer.supervisor.supervise("heart", wearer.heart.run))
        try:
            yield wearer
        finally:
            running.cancel()
