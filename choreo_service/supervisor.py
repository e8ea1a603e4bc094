"""Keeps adapters alive: run, and when lost run again after a growing, jittered wait. Never gives up on stage."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Literal

from choreo_service.clock import NS, Clock
from choreo_service.errors import AdapterConfigError, ChoreoError

State = Literal["starting", "up", "down", "stopped"]

_UP_AFTER_S: Final = 0.5  # an adapter that has run this long without raising counts as up


@dataclass(frozen=True, slots=True)
class AdapterEvent:
    """One change of one adapter's state."""

    name: str
    state: State
    tries: int  # failures in a row
    wait_s: float  # until the next try, when down
    cause: str  # what was raised
    down_s: float  # how long it had been down, when it comes up again


@dataclass(frozen=True, slots=True)
class Backoff:
    """Wait min(cap, base * 2^(tries - 1)) with full jitter in its upper half; `healthy_s` without failure resets the
    tries."""

    base_s: float = 0.25
    cap_s: float = 5.0
    healthy_s: float = 10.0

    def wait_s(self, tries: int, rng: random.Random) -> float:
        longest = min(self.cap_s, self.base_s * 2.0 ** min(tries - 1, 30))
        return longest * (0.5 + 0.5 * rng.random())


class Supervisor:
    """Runs adapters by name. States and events are for telemetry and logs; nobody needs to act on them."""

    def __init__(self, clock: Clock, *, backoff: Backoff, seed: int = 0) -> None:
        self._clock, self._backoff = clock, backoff
        self._rng = random.Random(seed)  # noqa: S311 - jitter, not secrets
        self.states: dict[str, State] = {}
        self.hooks: list[Callable[[AdapterEvent], None]] = []

    async def supervise(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        """Run until `run` returns by itself or this is cancelled.

        AdapterConfigError on the very first try is the user's mistake and is raised; everything later is weather.
        """
        tries, down_since = 0, None
        while True:
            self._change(AdapterEvent(name, "starting", tries, 0.0, "", 0.0))
            started_ns = self._clock.now_ns()
            try:
                down_for_s = 0.0 if down_since is None else (started_ns - down_since) / NS
                await self._run_once(name, run, tries, down_for_s)
            except AdapterConfigError as error:
                if down_since is None and self._ran_s(started_ns) < _UP_AFTER_S:
                    raise
                cause = str(error)
            except Exception as error:  # noqa: BLE001 - a crashing adapter must not disturb the others
                cause = f"{type(error).__name__}: {error}"
            else:
                self._change(AdapterEvent(name, "stopped", 0, 0.0, "", 0.0))
                return
            if self._ran_s(started_ns) >= self._backoff.healthy_s:
                tries = 0
            if down_since is None or self._ran_s(started_ns) >= _UP_AFTER_S:
                down_since = self._clock.now_ns()
            tries += 1
            wait_s = self._backoff.wait_s(tries, self._rng)
            self._change(AdapterEvent(name, "down", tries, wait_s, cause, 0.0))
            await self._clock.sleep_until(self._clock.now_ns() + round(wait_s * NS))

    async def _run_once(self, name: str, run: Callable[[], Awaitable[None]], tries: int, down_s: float) -> None:
        event = AdapterEvent(name, "up", tries, 0.0, "", down_s)
        announce = asyncio.get_running_loop().call_later(_UP_AFTER_S, self._change, event)
        try:
            await run()
        except ChoreoError as error:
            error.name_adapter(name)
            raise
        finally:
            announce.cancel()

    def _ran_s(self, started_ns: int) -> float:
        return (self._clock.now_ns() - started_ns) / NS

    def _change(self, event: AdapterEvent) -> None:
        self.states[event.name] = event.state
        for hook in self.hooks:
            hook(event)
