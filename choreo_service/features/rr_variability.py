"""Heart rate variability of the last minute."""

from __future__ import annotations

import math
from collections import deque
from typing import Final

from choreo_service.clock import NS
from choreo_service.features.component import Component

WINDOW_S: Final = 60.0
ENOUGH: Final = 10  # intervals
CAPACITY: Final = 256  # 240 bpm for a minute, and some


class Variability(Component):
    """RMSSD over the accepted intervals of the 60 s before the last beat: root mean square of successive differences.

    Only neighbours are compared: across a rejected or lost beat the difference is not between successive intervals.
    (Task Force of the ESC and NASPE 1996, Circulation 93:1043.)
    """

    STATE = ("origin_ns", "ends", "intervals", "joined")

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.origin_ns = 0
        self.ends: deque[float] = deque(maxlen=CAPACITY)  # s after the origin
        self.intervals: deque[float] = deque(maxlen=CAPACITY)  # s
        self.joined: deque[float] = deque(maxlen=CAPACITY)  # 1 where the interval before is its neighbour, else 0

    def add(self, t_ns: int, interval: float, joined: bool) -> None:
        """One accepted interval (s) that ended at `t_ns`."""
        now = (t_ns - self.origin_ns) / NS
        if not self.ends or abs(now - self.ends[-1]) > WINDOW_S:
            self.reset()
            self.origin_ns, now = t_ns, 0.0
        self.ends.append(now)
        self.intervals.append(interval)
        self.joined.append(float(joined))
        while self.ends[0] < now - WINDOW_S:
            self.ends.popleft()
            self.intervals.popleft()
            self.joined.popleft()

    @property
    def rmssd_ms(self) -> float:
        """NaN with fewer than ten intervals, or none of them neighbours."""
        values = list(self.intervals)
        squares = [(b - a) ** 2 for a, b, j in zip(values, values[1:], list(self.joined)[1:], strict=False) if j]
        if len(values) < ENOUGH or not squares:
            return math.nan
        return 1000.0 * math.sqrt(sum(squares) / len(squares))
