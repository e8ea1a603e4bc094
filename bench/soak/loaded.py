"""Rows 2 and 3: four programs that only compute, with real-time priority and without."""

from __future__ import annotations

import time
from typing import Final

import numpy as np

from bench.figures import Figure, Section
from bench.machine import load, machine
from bench.soak.hosted import Ticks, settled_ns, start
from bench.soak.receiver import receiving
from bench.surroundings import hogs, moving_phone
from choreo_service.clock import monotonic_ns

HOGS: Final = 4
SECONDS: Final = 30.0
LATE_P99_MS: Final = 1.5
LATE_MAX_MS: Final = 8.0
AGE_P99_MS: Final = 60.0


def loaded() -> list[Section]:
    before = load()
    first, ordinary = _run(fifo=True), _run(fifo=False)
    return [
        Section(
            f"{HOGS} programs that only compute",
            f"A phone at 100 Hz, {SECONDS:g} s each: row 2 with real-time priority (SCHED_FIFO 20), row 3 without.",
            "make soak ONLY=loaded",
            machine(),
            before,
            (*_first(first), *_ordinary(ordinary)),
        )
    ]


def _run(*, fifo: bool) -> Ticks:
    with receiving() as arrivals, hogs(HOGS):
        host, port = start(arrivals.port, fifo=fifo)
        with moving_phone(port):
            begin_ns = settled_ns()
            time.sleep(SECONDS)
            end_ns = monotonic_ns()
        return Ticks.between(begin_ns, end_ns, host.end())


def _first(ticks: Ticks) -> list[Figure]:
    return [
        Figure(2, "ticks", len(ticks.due)),
        Figure(2, "tick late, p99", float(np.percentile(ticks.late_ms, 99)), "ms", at_most=LATE_P99_MS),
        Figure(2, "tick late, worst", float(ticks.late_ms.max()), "ms", at_most=LATE_MAX_MS),
        Figure(2, "slots skipped", ticks.skipped, at_most=0),
        Figure(2, "age of the newest sample, p99", float(np.percentile(ticks.age_ms, 99)), "ms"),
    ]


def _ordinary(ticks: Ticks) -> list[Figure]:
    return [
        Figure(3, "ticks", len(ticks.due)),
        Figure(3, "tick late, p99", float(np.percentile(ticks.late_ms, 99)), "ms"),
        Figure(3, "slots skipped, counted and left out", ticks.skipped),
        Figure(3, "due times off the grid by at most", ticks.drift_ms, "ms", at_most=0),
        Figure(3, "age of the newest sample, median", float(np.median(ticks.age_ms)), "ms"),
        Figure(3, "age of the newest sample, p99", float(np.percentile(ticks.age_ms, 99)), "ms", at_most=AGE_P99_MS),
    ]
