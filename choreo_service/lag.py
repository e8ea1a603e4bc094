"""Whether the machine keeps up: the share of the last slots of the grid that were skipped."""

from __future__ import annotations

from typing import Final

from choreo_service.clock import NS
from choreo_service.ticker import Tick

WINDOW_S: Final = 10.0
TOO_MANY: Final = 0.2  # more than this share skipped is lagging
FEW: Final = 0.1  # and no more than this is keeping up again: between them nothing is said twice


class Lag:
    """Fed with every tick. Slots before the show count as played."""

    def __init__(self, period_ns: int) -> None:
        self._slots = bytearray(round(WINDOW_S * NS / period_ns))  # a ring: 1 where one was skipped
        self._skipped = 0
        self.since_ns = 0  # the tick since which it lags; 0 while it keeps up
        self.last_s = 0.0  # how long it lagged the last time

    def observe(self, tick: Tick) -> None:
        """One tick."""
        first = tick.k - min(tick.dk, len(self._slots)) + 1
        for k in range(first, tick.k + 1):
            self._note(k % len(self._slots), skipped=k != tick.k)
        if not self.since_ns and self.share > TOO_MANY:
            self.since_ns = tick.due_ns
        elif self.since_ns and self.share <= FEW:
            self.last_s, self.since_ns = (tick.due_ns - self.since_ns) / NS, 0

    @property
    def share(self) -> float:
        """Of the last WINDOW_S, 0..1."""
        return self._skipped / len(self._slots)

    def _note(self, place: int, *, skipped: bool) -> None:
        self._skipped += skipped - self._slots[place]
        self._slots[place] = skipped
