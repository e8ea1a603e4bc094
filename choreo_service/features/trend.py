"""Slope of a heart rate that comes as whole bpm: least squares over the last five seconds."""

from __future__ import annotations

from collections import deque
from typing import Final

from choreo_service.features.component import Component
from choreo_service.features.heart_slope import JUMP

WINDOW_S: Final = 5.0
SHORTEST_S: Final = 2.0  # below this span the line through integer bpm is noise
CAPACITY: Final = 64  # points; 240 bpm give 20 in five seconds


class Trend(Component):
    """`slope` in bpm/s of the line through the points of the last 5 s; 0 until they span 2 s."""

    STATE = ("slope", "origin_ns", "times", "points")

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.slope = 0.0
        self.origin_ns = 0
        self.times: deque[float] = deque(maxlen=CAPACITY)  # s after the origin
        self.points: deque[float] = deque(maxlen=CAPACITY)  # bpm

    def add(self, t_ns: int, bpm: float) -> None:
        """One rate. Stamps may repeat or go slightly back; a jump in time or rate starts a new line."""
        now = (t_ns - self.origin_ns) / 1e9
        if not self.times or abs(now - self.times[-1]) > WINDOW_S or abs(bpm - self.points[-1]) > JUMP:
            self.times.clear()
            self.points.clear()
            self.origin_ns, now = t_ns, 0.0
        self.times.append(now)
        self.points.append(bpm)
        while self.times[0] < now - WINDOW_S:
            self.times.popleft()
            self.points.popleft()
        self.slope = self._line()

    def _line(self) -> float:
        if max(self.times) - min(self.times) < SHORTEST_S:
            return 0.0
        n = len(self.times)
        mean_t, mean_p = sum(self.times) / n, sum(self.points) / n
        spread = sum((t - mean_t) ** 2 for t in self.times)
        return sum((t - mean_t) * (p - mean_p) for t, p in zip(self.times, self.points, strict=True)) / spread
