"""Rows 5 and 6: a heap full of garbage, and a log that nobody reads."""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from bench.figures import Figure, Section
from bench.machine import load, machine
from bench.soak.bare import bare_loops
from bench.soak.hosted import Ticks, settled_ns, start
from bench.soak.receiver import receiving
from bench.surroundings import moving_phone
from choreo_service.clock import monotonic_ns

SECONDS: Final = 20.0
GARBAGE_S: Final = 70.0  # once a minute everything is collected
LIVING: Final = 1_000_000  # objects made before the show
LITTER: Final = 200  # cycles each tick: 10,000 a second
LINES: Final = 10  # of a kilobyte each tick: a pipe is full after a seventh of a second
PAUSE_MS: Final = 2.0
LATE_MS: Final = 5.0


def crowded() -> list[Section]:
    before = load()
    littered = _run(GARBAGE_S, pressure={"living": LIVING, "litter": LITTER})
    with _Pipe() as unread:
        stuck = _run(SECONDS, pressure={"lines": LINES}, log=unread.write_end)
    with _Pipe() as pipe:
        pipe.read_on()
        read = _run(SECONDS, pressure={"lines": LINES}, log=pipe.write_end)
    how = (
        "Real-time priority so that other programs aren't measured, a phone at 100 Hz; beside it on each core a loop "
        "of the same priority that does nothing but wake every 2 ms, late by what the machine itself does. "
    )
    return [
        Section(
            "Garbage, and a log nobody reads",
            how + f"Row 5: {LIVING:,} objects that stay and {50 * LITTER:,} cycles a second, {GARBAGE_S:g} s. Row 6: "
            f"{50 * LINES} lines of a kilobyte a second into a pipe, {SECONDS:g} s each.",
            "make soak ONLY=crowded",
            machine(),
            before,
            (*_garbage(littered), *_log(stuck, read)),
        )
    ]


@dataclass(frozen=True)
class Run:
    """What the service noted, and how late a bare loop was at worst meanwhile."""

    ticks: Ticks
    result: dict[str, Any]
    bare_ms: float

    @property
    def worst_ms(self) -> float:
        """The latest tick."""
        return float(self.ticks.late_ms.max())


def _run(seconds: float, **how: Any) -> Run:
    with receiving() as arrivals:
        host, port = start(arrivals.port, fifo=True, **how)
        with moving_phone(port), bare_loops() as stalls:
            begin_ns = settled_ns()
            time.sleep(seconds)
            end_ns = monotonic_ns()
        result = host.end()
    return Run(Ticks.between(begin_ns, end_ns, result), result, stalls.worst_ms(begin_ns, end_ns))


def _garbage(run: Run) -> list[Figure]:
    ticks, pauses_ms = run.ticks, run.result["pauses_ms"]
    return [
        Figure(5, "collections", len(pauses_ms)),
        Figure(5, "longest collection", max(pauses_ms), "ms", at_most=PAUSE_MS),
        Figure(5, "tick late, p99", float(np.percentile(ticks.late_ms, 99)), "ms"),
        Figure(5, "tick late, worst", run.worst_ms, "ms"),
        Figure(5, "a bare loop meanwhile, worst", run.bare_ms, "ms"),
        Figure(5, "slots skipped", ticks.skipped),
    ]


def _log(stuck: Run, read: Run) -> list[Figure]:
    return [
        Figure(6, "tick late, worst, nobody reads", stuck.worst_ms, "ms", at_most=LATE_MS),
        Figure(6, "a bare loop meanwhile, worst", stuck.bare_ms, "ms"),
        Figure(6, "tick late, worst, somebody reads", read.worst_ms, "ms"),
        Figure(6, "a bare loop meanwhile, worst", read.bare_ms, "ms"),
        Figure(6, "lines dropped and counted, nobody reads", stuck.result["log_dropped"], at_least=1),
        Figure(6, "lines dropped, somebody reads", read.result["log_dropped"]),
    ]


class _Pipe:
    """A pipe for a log; what is written stays in it until `read_on`."""

    def __enter__(self) -> _Pipe:
        self._read_end, self.write_end = os.pipe()
        self._reader: threading.Thread | None = None
        return self

    def read_on(self) -> None:
        self._reader = threading.Thread(target=self._drain, daemon=True)
        self._reader.start()

    def __exit__(self, *_: object) -> None:
        os.close(self.write_end)  # the other end sees that it is over
        if self._reader is not None:
            self._reader.join()
        os.close(self._read_end)

    def _drain(self) -> None:
        while os.read(self._read_end, 1 << 16):
            pass
