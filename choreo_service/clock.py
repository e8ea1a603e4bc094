"""The one clock. No other module reads time (import-linter forbids it).

The tick must not use the event loop's own clock: under uvloop it moves in 1 ms steps and sleeps may return early.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import math
import selectors
import time
from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import Any, Final, Protocol, TypeVar

T = TypeVar("T")

NS: Final = 1_000_000_000
MS: Final = 1_000_000

_THREAD_GRACE_S: Final = 1.0

# Linux counts the time the machine sleeps on CLOCK_BOOTTIME alone, macOS on CLOCK_MONOTONIC; Windows has neither, and
# time.monotonic_ns() counts it there. Without it a laptop that wakes up would take what it heard before for news.
_CLOCK: Final[int | None] = getattr(time, "CLOCK_BOOTTIME", getattr(time, "CLOCK_MONOTONIC", None))


def monotonic_ns() -> int:
    """Nanoseconds since the machine was started, its sleep included; the same for all its processes, never set back."""
    return time.monotonic_ns() if _CLOCK is None else time.clock_gettime_ns(_CLOCK)


class Clock(Protocol):
    """Monotonic time in nanoseconds and a sleep that never returns early."""

    def now_ns(self) -> int: ...

    async def sleep_until(self, t_ns: int) -> None: ...  # yields at least once, never returns early


class MonotonicClock:
    """The machine's own clock, as `monotonic_ns` reads it."""

    def now_ns(self) -> int:
        return monotonic_ns()

    async def sleep_until(self, t_ns: int) -> None:
        """Yield at least once, so that input is drained even when already late.

        uvloop's timers move in 1 ms steps and may fire early; asking for the rest in less than that would spin, 2 % of
        a core and 50 Hz. So the last step is a whole one, and a sleeper is up to about 1 ms late. While the machine
        sleeps the loop's timers stand still: a sleeper then wakes late by what was left of its wait.
        """
        wait = t_ns - monotonic_ns()
        if wait <= 0:
            await asyncio.sleep(0)
        while wait > 0:
            await asyncio.sleep(max(wait, MS) / NS)
            wait = t_ns - monotonic_ns()


class VirtualClock:
    """Simulated time: stands still while anything can run, then jumps to the next sleeper.

    Works with the loop of `run_virtual`, whose timers (asyncio.sleep, timeouts) follow this clock too.
    """

    def __init__(self, start_ns: int = NS) -> None:
        self._now_ns = start_ns
        self._sleepers: list[tuple[int, int, asyncio.Future[None]]] = []  # heap of (time, order of arrival, waiter)
        self._arrivals = itertools.count()

    def now_ns(self) -> int:
        return self._now_ns

    async def sleep_until(self, t_ns: int) -> None:
        while self._now_ns < t_ns:
            waiter = asyncio.get_running_loop().create_future()
            heapq.heappush(self._sleepers, (t_ns, next(self._arrivals), waiter))
            await waiter
        await asyncio.sleep(0)

    def advance(self, ns: int) -> None:
        """Let time pass without running anything: a stalled machine, or work that takes `ns`."""
        self._now_ns += max(0, ns)
        self._wake_due()

    @property
    def has_sleepers(self) -> bool:
        """Whether anybody waits for a time."""
        return any(not waiter.done() for _, _, waiter in self._sleepers)

    def jump(self, at_most_ns: int | None) -> None:
        """Go on to the next sleeper, by at most `at_most_ns`; RuntimeError when nothing bounds the jump."""
        while self._sleepers and self._sleepers[0][2].done():  # cancelled
            heapq.heappop(self._sleepers)
        targets = [] if at_most_ns is None else [self._now_ns + at_most_ns]
        targets += [t_ns for t_ns, _, _ in self._sleepers[:1]]
        if not targets:
            raise RuntimeError("virtual time: every task waits and nothing is scheduled (deadlock)")
        self._now_ns = max(self._now_ns, min(targets))
        self._wake_due()

    def _wake_due(self) -> None:
        while self._sleepers and self._sleepers[0][0] <= self._now_ns:
            waiter = heapq.heappop(self._sleepers)[2]
            if not waiter.done():
                waiter.set_result(None)


def run_virtual(clock: VirtualClock, main: Coroutine[Any, Any, T]) -> T:
    """Run `main` to its end in virtual time. RuntimeError when every task waits for something that can't come."""
    loop = _VirtualLoop(clock)
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        return runner.run(main)


def wall_time_iso() -> str:
    """Date and time for a recording's header. Wall-clock time appears in recordings only, and steers nothing."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def take_name() -> str:
    """Date and time where the performer is, as the name of a folder."""
    return datetime.now(UTC).astimezone().strftime("%Y-%m-%d_%H-%M-%S")


def clock_anchor() -> dict[str, int]:
    """Our clock, the wall clock and the one that stands still while the machine sleeps, read together, in ns: what a
    recording keeps so that its time can be compared with others'."""
    return {"mono_ns": monotonic_ns(), "wall_ns": time.time_ns(), "awake_ns": time.monotonic_ns()}


def realtime_to_monotonic_ns(realtime_ns: int) -> int:
    """A kernel receive stamp (CLOCK_REALTIME) on the monotonic clock. Both clocks are read now, so call it soon after
    receipt."""
    return monotonic_ns() - (time.time_ns() - realtime_ns)


def monotonic_to_realtime_ns(t_ns: int) -> int:
    """A monotonic time as CLOCK_REALTIME, for receivers that schedule by the wall clock (OSC time tags)."""
    return t_ns + (time.time_ns() - monotonic_ns())


def work_ns() -> int:
    """A high-resolution reading for measuring work; never for scheduling or for values that replay must reproduce."""
    return time.perf_counter_ns()


class _VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self, clock: VirtualClock) -> None:
        self._virtual_clock = clock
        super().__init__(_JumpingSelector(clock))

    def time(self) -> float:
        return self._virtual_clock.now_ns() / NS


class _JumpingSelector(selectors.DefaultSelector):
    """Polls real file descriptors without waiting; what would have been waiting moves the clock instead."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__()
        self._clock = clock

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None and not self._clock.has_sleepers:
            ready = super().select(_THREAD_GRACE_S)  # only a thread can still wake us, and threads take real time
            if ready:
                return ready
        self._clock.jump(None if timeout is None else math.ceil(timeout * NS))
        return []
