"""Tap tempo: a foot or a finger on a button says where the beats are."""

from __future__ import annotations

from collections import deque
from typing import Final

from choreo_service.clock import NS
from choreo_service.features.component import Component
from choreo_service.transport.flywheel import FASTEST_BPM, SLOWEST_BPM
from choreo_service.transport.lines import NEVER, Line

FEWEST: Final = 4  # taps that make a tempo
MOST: Final = 8  # the newest that count
UNEVEN: Final = 0.35  # part of the mean spacing by which one may differ before the taps count anew
OBEYED_NS: Final = 8 * NS  # how long after the last tap the phase still goes to where it was tapped


class Taps(Component):
    """The least-squares line through the newest taps."""

    STATE = ("last_ns", "times")

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.last_ns = NEVER
        self.times: deque[float] = deque(maxlen=MOST)  # s before the last tap, oldest first, so negative

    def tap(self, t_ns: int) -> None:
        """A beat at `t_ns`; a pause or an uneven one begins a new count."""
        gap_s = (t_ns - self.last_ns) / NS
        if self.times and not self._fits(gap_s):
            self.times.clear()
        times = [t - gap_s for t in self.times]
        self.times = deque([*times, 0.0], maxlen=MOST)
        self.last_ns = t_ns

    def line(self, t_ns: int) -> Line | None:
        """None while there are too few, and long after the last. Taps say where beats are, not where bars are."""
        count = len(self.times)
        if count < FEWEST or t_ns - self.last_ns > OBEYED_NS:
            return None
        middle = (count - 1) / 2.0
        mean = sum(self.times) / count
        spread = sum((i - middle) ** 2 for i in range(count))
        spacing_s = sum((i - middle) * (t - mean) for i, t in enumerate(self.times)) / spread
        last_s = mean + middle * spacing_s  # where the line puts the last tap
        return Line(self.last_ns + round(last_s * NS), 0.0, 60.0 / spacing_s, bars=False)

    def _fits(self, gap_s: float) -> bool:
        if not 60.0 / FASTEST_BPM <= gap_s <= 60.0 / SLOWEST_BPM:
            return False
        if len(self.times) < 2:
            return True
        mean = (self.times[-1] - self.times[0]) / (len(self.times) - 1)
        return abs(gap_s - mean) <= UNEVEN * mean
