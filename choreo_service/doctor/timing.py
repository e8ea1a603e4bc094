"""How punctual this machine is: tick lateness on the service's loop, and whether real-time priority may be had."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from choreo_service.clock import MS, NS, Clock, MonotonicClock
from choreo_service.doctor.report import Finding
from choreo_service.priority import come_at_once

WARN_SHARE: Final = 0.25  # of the period, at the 99th percentile: above it, the ear notices an unsteady pulse
FAIL_SHARE: Final = 1.0  # whole ticks are missed
PRIORITY: Final = 20  # of 99: above ordinary programs, below the audio server


def tick(period_ms: float, seconds: float) -> Iterator[Finding]:
    """Sleep from tick to tick for `seconds`, as the service would, and judge how late each one woke."""
    come_at_once()
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        late = runner.run(lateness(MonotonicClock(), round(period_ms * MS), seconds))
    yield judge(late, period_ms)


async def lateness(clock: Clock, period_ns: int, seconds: float) -> list[float]:
    """Milliseconds each tick in `seconds` woke after it was due. A missed slot is skipped, as in the service."""
    start = clock.now_ns()
    out: list[float] = []
    k, last = 1, max(1, int(seconds * NS / period_ns))
    while k <= last:
        await clock.sleep_until(start + k * period_ns)
        behind = clock.now_ns() - (start + k * period_ns)
        out.append(behind / MS)
        k += 1 + behind // period_ns
    return out


def judge(late_ms: Sequence[float], period_ms: float) -> Finding:
    """The verdict on measured lateness."""
    ordered = sorted(late_ms)
    p50, p99 = ordered[len(ordered) // 2], ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    late = f"{p50:.2f} ms late (p50), {p99:.2f} (p99), {ordered[-1]:.2f} (worst)"
    found = f"{len(ordered)} ticks of {period_ms:g} ms woke {late}"
    if p99 > FAIL_SHARE * period_ms:
        return Finding("tick", "fail", found, "close other programs, plug in the charger, see `priority`")
    if p99 > WARN_SHARE * period_ms:
        return Finding("tick", "warn", found, f"close other programs, or: chrt -f {PRIORITY} choreo run")
    return Finding("tick", "ok", found)


def priority() -> Iterator[Finding]:
    """Whether this user may run with real-time priority. Tries it for a moment and goes back."""
    if not hasattr(os, "sched_setscheduler"):
        yield Finding("priority", "ok", "this system has no real-time scheduling to ask for")
        return
    policy, parameters = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(PRIORITY))
    except PermissionError:
        advice = "add '@audio - rtprio 95' to /etc/security/limits.d/audio.conf, join the group audio, log in again"
        yield Finding("priority", "warn", "real-time priority is not permitted", advice)
        return
    os.sched_setscheduler(0, policy, parameters)
    yield Finding("priority", "ok", f"real-time priority is permitted (chrt -f {PRIORITY} choreo run)")


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory
