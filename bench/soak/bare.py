"""What the machine itself does to whoever wants to be woken in time: bare loops at real-time priority, one a core.

`python -m bench.soak.bare` is one of them. It ends when its input is closed, and then tells when it was late.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from array import array
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Final

from choreo_service.clock import MS, monotonic_ns

PERIOD_NS: Final = 2 * MS  # shorter than a stall that would matter
PRIORITY: Final = 20  # as the service has it


@dataclass
class Stalls:
    """(ns when a bare loop was due, ns by which it was late); there once the run is over."""

    late: list[list[int]] = field(default_factory=list)

    def worst_ms(self, begin_ns: int, end_ns: int) -> float:
        """Of those due between the two times; 0 without any."""
        return max((late for due, late in self.late if begin_ns <= due <= end_ns), default=0) / MS


@contextmanager
def bare_loops() -> Iterator[Stalls]:
    """Run them beside what is measured. Where no real-time priority is to be had they are late as others are."""
    stalls = Stalls()
    argv = [sys.executable, "-m", "bench.soak.bare"]
    loops = [
        subprocess.Popen([*argv, str(core)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for core in sorted(os.sched_getaffinity(0))
    ]
    try:
        yield stalls
    finally:
        for loop in loops:
            told, _ = loop.communicate()
            stalls.late += json.loads(told)


def _loop(ended: threading.Event) -> list[tuple[int, int]]:
    dues, late = array("q"), array("q")  # nothing for the garbage collector to look at
    due_ns = monotonic_ns()
    while not ended.is_set():
        due_ns += PERIOD_NS
        time.sleep(max(0, due_ns - monotonic_ns()) / 1e9)
        behind_ns = monotonic_ns() - due_ns
        dues.append(due_ns)
        late.append(behind_ns)
        due_ns += behind_ns // PERIOD_NS * PERIOD_NS
    return list(zip(dues, late, strict=True))


def _until_closed(ended: threading.Event) -> None:
    sys.stdin.read()
    ended.set()


def _real_time(core: int) -> None:
    os.sched_setaffinity(0, {core})
    with suppress(OSError):  # no permission: bare_loops says what that means
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(PRIORITY))


if __name__ == "__main__":
    _ended = threading.Event()
    threading.Thread(target=_until_closed, args=(_ended,), daemon=True).start()
    _real_time(int(sys.argv[1]))
    sys.stdout.write(json.dumps(_loop(_ended)))
