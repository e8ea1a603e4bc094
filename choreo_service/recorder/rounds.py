"""A thread that does one thing, round after round."""

from __future__ import annotations

import threading
from collections.abc import Callable

from choreo_service.clock import NS, Clock
from choreo_service.priority import come_at_once


class Rounds:
    """Calls `work` in a thread of its own, from `start` on until `over` says so after a round: when it is hurried, and
    else every `period_s`."""

    def __init__(
        self, name: str, clock: Clock, period_s: float, work: Callable[[], None], over: Callable[[], bool]
    ) -> None:
        self._clock, self._period_ns = clock, round(period_s * NS)
        self._work, self._over = work, over
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    @property
    def started(self) -> bool:
        return self._thread.ident is not None

    def start(self) -> None:
        self._thread.start()

    def hurry(self) -> None:
        """Let the next round begin at once, or right after the one that runs. From any thread."""
        self._wake.set()

    def join(self, timeout_s: float) -> bool:
        """Wait for the last round; False when it isn't over by then."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        come_at_once()  # a show whose real-time priority its threads don't inherit hands on no short slices either
        due_ns = self._clock.now_ns()
        while not self._over():
            # From round to round, not from the end of one to the next: a slow round must not make the next one late.
            now_ns = self._clock.now_ns()
            due_ns = min(max(now_ns, due_ns + self._period_ns), now_ns + self._period_ns)
            self._wake.wait((due_ns - now_ns) / NS)
            self._wake.clear()
            self._work()
