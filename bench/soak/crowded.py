"""Rows 5 and 6: a heap full of garbage, and a log that nobody reads."""

from __future__ import annotations

import os
import threading
import time
from typing import Any, Final

import numpy as np

from bench.figures import Figure, Section
from bench.machine import load, machine
from bench.soak.hosted import Ticks, settled_ns, start
from bench.soak.receiver import receiving
from bench.surroundings import moving_phone
from choreo_service.clock import monotonic_ns

SECONDS: Final = 20.0
LIVING: Final = 1_000_000  # objects made before the show
LITTER: Final = 200  # cycles each tick: 10,000 a second
LINES: Final = 10  # of a kilobyte each tick: a pipe is full after a seventh of a second
PAUSE_MS: Final = 2.0
LATE_MS: Final = 5.0


def crowded() -> list[Section]:
    before = load()
    littered = _run(pressure={"living": LIVING, "litter": LITTER})
    with _Pipe() as unread:
        stuck = _run(pressure={"lines": LINES}, log=unread.write_end)
    with _Pipe() as pipe:
        pipe.read_on()
        read = _run(pressure={"lines": LINES}, log=pipe.write_end)
    how = f"{SECONDS:g} s each, real-time priority so that other programs aren't measured, a phone at 100 Hz. "
    return [
        Section(
            "Garbage, and a log nobody reads",
            how + f"Row 5: {LIVING:,} objects that stay and {50 * LITTER:,} cycles a second. Row 6: {50 * LINES} lines "
            "of a kilobyte a second into a pipe.",
            "make soak ONLY=crowded",
            machine(),
            before,
            (*_garbage(*littered), *_log(stuck, read)),
        )
    ]


def _run(**how: Any) -> tuple[Ticks, dict[str, Any]]:
    with receiving() as arrivals:
        host, port = start(arrivals.port, fifo=True, **how)
        with moving_phone(port):
            begin_ns = settled_ns()
            time.sleep(SECONDS)
            end_ns = monotonic_ns()
        result = host.end()
    return Ticks.between(begin_ns, end_ns, result), result


def _garbage(ticks: Ticks, result: dict[str, Any]) -> list[Figure]:
    pauses_ms = result["pauses_ms"]
    return [
        Figure(5, "collections", len(pauses_ms)),
        Figure(5, "longest collection", max(pauses_ms), "ms", at_most=PAUSE_MS),
        Figure(5, "tick late, p99", float(np.percentile(ticks.late_ms, 99)), "ms"),
        Figure(5, "tick late, worst", float(ticks.late_ms.max()), "ms"),
        Figure(5, "slots skipped", ticks.skipped),
    ]


def _log(stuck: tuple[Ticks, dict[str, Any]], read: tuple[Ticks, dict[str, Any]]) -> list[Figure]:
    lost = stuck[1]["log_dropped"]
    return [
        Figure(6, "tick late, worst, nobody reads", float(stuck[0].late_ms.max()), "ms", at_most=LATE_MS),
        Figure(6, "tick late, worst, somebody reads", float(read[0].late_ms.max()), "ms"),
        Figure(6, "lines dropped and counted, nobody reads", lost, at_least=1),
        Figure(6, "lines dropped, somebody reads", read[1]["log_dropped"]),
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
