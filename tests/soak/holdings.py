"""What a running service holds on to: memory, file descriptors and threads, read while it plays in virtual time."""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
import tracemalloc
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np
import psutil
import pytest
from numpy.typing import NDArray
from shows import make_service

from choreo_service.clock import NS, Clock, VirtualClock, run_virtual
from choreo_service.core import Core
from choreo_service.recorder import Recorder
from choreo_service.service.show import Service

WARM_UP: Final = 0.4  # of a run, but no more than two minutes: caches, buckets, histograms fill
SAMPLE_S: Final = 2.0
AT, TRACED, RESIDENT, DESCRIPTORS, THREADS = range(
    5
)  # columns: s, bytes of Python and numpy (or of blocks), bytes, count, count

# 0.45 MiB an hour: eight hours on stage cost less than 4 MB. The smallest leak per tick, one empty object, is 800 B/s.
BYTES_PER_S: Final = 128.0
BLOCK: Final = 16  # bytes of the allocator's smallest block
ALLOCATOR: Final = 4 * 2**20  # the operating system gives memory in steps, here of 64 arenas of 64 KiB


@dataclass(frozen=True)
class Holdings:
    """Readings of a run after its warm-up."""

    table: NDArray[np.float64]  # [n, 5], allocated before the run, so that the readings don't count themselves

    @property
    def slope(self) -> float:
        """Bytes per second: the median of the slopes across half the run (after Theil and Sen); no outlier bends it."""
        half = len(self.table) // 2
        rise = self.table[half : 2 * half] - self.table[:half]
        return float(np.median(rise[:, TRACED] / rise[:, AT]))

    @property
    def resident_growth(self) -> float:
        """Bytes, from the first reading to the last."""
        return float(self.table[-1, RESIDENT] - self.table[0, RESIDENT])

    def most(self, column: int) -> tuple[int, int]:
        """The most there was at a time in the first and in the second half: adapters come and go."""
        half = len(self.table) // 2
        return int(self.table[:half, column].max()), int(self.table[half:, column].max())

    def check(self) -> None:
        """AssertionError names what grew."""
        assert len(self.table) >= 10
        for name, column in (("descriptors", DESCRIPTORS), ("threads", THREADS)):
            early, late = self.most(column)
            assert late <= early, f"{name} {early} -> {late}"
        assert self.slope < BYTES_PER_S, f"memory grows by {self.slope:.0f} B/s"
        seconds = self.table[-1, AT] - self.table[0, AT]
        assert self.resident_growth < ALLOCATOR + BYTES_PER_S * seconds, f"resident memory: +{self.resident_growth} B"


def soak(
    minutes: float,
    sensors: Mapping[str, Any],
    bridges: Mapping[str, Any],
    *,
    sample_s: float = SAMPLE_S,
    traced: bool = True,
    prepare: Callable[[Service], None] = lambda _: None,
    recorder: Callable[[Clock, Core], Recorder] | None = None,
) -> Holdings:
    """Play `minutes` of virtual time and take readings. `prepare` sees the service before it plays.

    Tracing each allocation takes three quarters of the time. Not `traced`, the live blocks of Python's allocator are
    counted instead, each as its smallest: one empty object a tick that stays is as visible; arrays then only count as
    resident memory.
    """
    clock, seconds = VirtualClock(), minutes * 60
    times = np.arange(min(WARM_UP * seconds, 120.0), seconds, sample_s)
    table = np.zeros((len(times), 5))
    table[:, AT] = times
    service = make_service(clock, sensors, bridges, recorder=recorder and partial(recorder, clock))
    prepare(service)
    gc.collect()
    gc.freeze()  # so that each reading walks the service's objects and not everything pytest has imported
    if traced:
        tracemalloc.start()
    try:
        run_virtual(clock, _observed(service, clock, seconds, table))
    finally:
        tracemalloc.stop()
        gc.unfreeze()
    assert service.telemetry.ticks == pytest.approx(minutes * 3000, abs=2)
    assert service.telemetry.skipped == 0
    return Holdings(table)


async def _observed(service: Service, clock: Clock, seconds: float, table: NDArray[np.float64]) -> None:
    begin_ns, process = clock.now_ns(), psutil.Process()
    async with asyncio.TaskGroup() as group:
        group.create_task(service.run(seconds))
        for row in table:
            await clock.sleep_until(begin_ns + round(row[AT] * NS))
            gc.collect()
            row[TRACED:] = (
                tracemalloc.get_traced_memory()[0] if tracemalloc.is_tracing() else sys.getallocatedblocks() * BLOCK,
                process.memory_info().rss,
                process.num_fds(),
                threading.active_count(),
            )
