"""The least a service at 50 Hz can cost: `python -m bench.idle` wakes every 20 ms on the same loop and does nothing."""

from __future__ import annotations

import asyncio

import uvloop

from choreo_service.clock import MS, MonotonicClock


async def main() -> None:
    clock = MonotonicClock()
    due_ns = clock.now_ns()
    while True:
        due_ns += 20 * MS
        await clock.sleep_until(due_ns)


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as _runner:
        _runner.run(main())
