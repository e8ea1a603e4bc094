"""Row 4: the service stopped as a whole (SIGSTOP), for less than two slots up to two seconds, while the phone plays."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bench.figures import Figure, Section
from bench.machine import load, machine
from bench.soak.hosted import PERIOD_MS, Ticks, settled_ns, start
from bench.soak.receiver import Arrivals, receiving
from bench.surroundings import moving_phone
from choreo_service.clock import monotonic_ns

STALLS_S: Final = (0.03, 0.1, 0.3, 0.5, 1.0, 2.0)
ROUNDS: Final = 3
BETWEEN_S: Final = 1.0
AFTER_NS: Final = 500_000_000  # in which a burst would show
AGE_MS: Final = 30.0
IN_A_SLOT: Final = 2  # a late tick and the one after it; more would be making up for lost ones


def stalled() -> list[Section]:
    before = load()
    with receiving() as arrivals:
        host, port = start(arrivals.port, fifo=True)
        with moving_phone(port):
            begin_ns = settled_ns()
            woken = [_stall(host.pid, seconds) for _ in range(ROUNDS) for seconds in STALLS_S]
            end_ns = monotonic_ns()
        ticks = Ticks.between(begin_ns, end_ns, host.end())
    return [
        Section(
            "The service stopped and let go on",
            f"SIGSTOP for {', '.join(f'{s:g}' for s in STALLS_S)} s, {ROUNDS} times each; a phone goes on "
            "at 100 Hz. Real-time priority, so that other programs aren't measured.",
            "make soak ONLY=stalled",
            machine(),
            before,
            tuple(_figures(ticks, arrivals, woken)),
        )
    ]


def _stall(pid: int, seconds: float) -> tuple[int, int]:
    """(monotonic, wall clock) ns at which it goes on."""
    os.kill(pid, signal.SIGSTOP)
    time.sleep(seconds)
    woken = monotonic_ns(), time.time_ns()
    os.kill(pid, signal.SIGCONT)
    time.sleep(BETWEEN_S)
    return woken


def _figures(ticks: Ticks, arrivals: Arrivals, woken: Sequence[tuple[int, int]]) -> list[Figure]:
    firsts = [int(np.searchsorted(ticks.begun, mono_ns)) for mono_ns, _ in woken]
    bursts = [arrivals.between(wall_ns, wall_ns + AFTER_NS) for _, wall_ns in woken]
    return [
        Figure(4, "stalls", len(woken)),
        Figure(4, "first tick after it late by at most", float(ticks.late_ms[firsts].max()), "ms", at_most=PERIOD_MS),
        Figure(4, "age of the newest sample at it, worst", float(ticks.age_ms[firsts].max()), "ms", at_most=AGE_MS),
        Figure(4, "due times off the grid by at most", ticks.drift_ms, "ms", at_most=0),
        Figure(4, "most bundles in 20 ms afterwards", max(map(_most_in_a_slot, bursts)), at_most=IN_A_SLOT),
    ]


def _most_in_a_slot(stamps_ns: NDArray[np.int64]) -> int:
    ends = np.searchsorted(stamps_ns, stamps_ns + round(PERIOD_MS * 1e6))
    return int((ends - np.arange(len(stamps_ns))).max(initial=0))
