"""Positions of a body part become its acceleration."""

from __future__ import annotations

from collections import deque
from typing import Final

import numpy as np
from numpy.typing import NDArray

Vector = tuple[float, float, float]

SPAN_S: Final = 0.1  # the parabola: 7 positions at 60 Hz leave half the amplitude at about 9 Hz, and come 50 ms late
FEWEST: Final = 5  # positions; at 30 Hz they span 133 ms
MOST: Final = 32
GAP_S: Final = 0.25  # without positions: what lies between is not known
FASTEST: Final = 12.0  # m/s; faster is a lost or re-centred body, not a dancer


class Curvature:
    """Second derivative of a position that comes at the sender's frame rate.

    Twice the square term of the least-squares parabola through the last SPAN_S of positions: plain second differences
    would turn 0.1 mm of noise into 0.7 m/s^2 at 60 Hz. Arrival times that fit an even rhythm count as that rhythm, so
    that some milliseconds of network jitter don't read as motion; with a frame missing they count as they are.
    """

    def __init__(self) -> None:
        self._times: deque[float] = deque(maxlen=MOST)  # s after the origin
        self._positions: deque[Vector] = deque(maxlen=MOST)
        self._origin_ns = 0

    def add(self, position: Vector, t_ns: int) -> Vector | None:
        """Acceleration in m/s^2 after `position` (m) at `t_ns`; None while there are too few positions.

        A gap or a jump starts anew; a second position for the same moment is left out.
        """
        at = (t_ns - self._origin_ns) / 1e9
        if self._times:
            dt = at - self._times[-1]
            if 0.0 <= dt < _SAME_S:
                return None
            if not 0.0 < dt <= GAP_S or _distance(position, self._positions[-1]) > FASTEST * max(dt, _FRAME_S):
                self._times.clear()
                self._positions.clear()
        if not self._times:
            self._origin_ns, at = t_ns, 0.0
        self._times.append(at)
        self._positions.append(position)
        return self._bent() if len(self._times) >= FEWEST else None

    def _bent(self) -> Vector | None:
        period = (self._times[-1] - self._times[0]) / (len(self._times) - 1)
        width = max(FEWEST, round(SPAN_S / period) + 1)
        if len(self._times) < min(width, MOST):
            return None
        times = _straightened(np.array(self._times)[-width:])
        positions = np.array(self._positions)[-width:]
        half = (times[-1] - times[0]) / 2.0
        u = (times - times[0]) / half - 1.0
        x, y, z = 2.0 / half**2 * (np.linalg.pinv(np.column_stack((np.ones_like(u), u, u * u)))[2] @ positions)
        return float(x), float(y), float(z)


_SAME_S: Final = 0.002  # closer than any body is filmed
_FRAME_S: Final = 1 / 60  # positions in a clump moved for about a frame, whatever their arrival times say
_EVEN: Final = 0.3  # of a period: the largest error at which arrival times still count as even


def _straightened(times: NDArray[np.float64]) -> NDArray[np.float64]:
    """The line through `times` where they lie close to it; a missing frame is off by 0.36 of a period or more."""
    i = np.arange(len(times), dtype=np.float64) - (len(times) - 1) / 2.0
    slope = float(i @ times / (i @ i))
    line: NDArray[np.float64] = times.mean() + slope * i
    return line if np.abs(times - line).max() < _EVEN * slope else times


def _distance(a: Vector, b: Vector) -> float:
    return float(np.hypot(np.hypot(a[0] - b[0], a[1] - b[1]), a[2] - b[2]))
