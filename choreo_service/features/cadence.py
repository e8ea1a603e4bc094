"""Recovers a device's even sampling from uneven arrival times, and thins fast devices."""

from __future__ import annotations

from typing import Final, NamedTuple

from choreo_service.features.component import Component
from choreo_service.features.vectors import ZERO, Vec3, clamp, plus, scaled

MEMORY: Final = 50  # samples the line through the arrival times remembers
RESTART_MEMORY: Final = 12  # remembered across a gap, so that a changed rate is learnt quickly
TARGET_PERIOD_S: Final = 0.01  # faster devices are averaged down to about this spacing
PERIOD_RANGE_S: Final = (0.0005, 0.5)
GAP_S: Final = 0.15  # arrival error, beyond four periods, after which the line starts anew


# By how many samples the line rests on: part of an arrival's error that moves the line, and that changes its slope.
_GAINS: Final = [(2.0 * (2 * n + 1) / ((n + 1) * (n + 2)), 6.0 / ((n + 1) * (n + 2))) for n in range(MEMORY + 1)]


class Sample(NamedTuple):
    """One evenly timed value."""

    dt: float  # s since the sample before; after a gap one period
    period: float  # s, the smoothed spacing
    restart: bool  # first sample, or first after a gap
    value: Vec3


class Cadence(Component):
    """Arrival times in, evenly spaced samples out.

    WLAN delivers an even 100 Hz in clumps; filters fed with those arrival times see a different motion. An alpha-beta
    filter draws the least squares line through the arrival times (growing memory up to `MEMORY` samples), which gives
    spacing and position. A repeated or slightly backward stamp is just a large residual. Above about 150 Hz n =
    round(10 ms / period) samples are averaged into one.
    """

    STATE = ("started", "anchor_ns", "time", "period", "count", "pending", "held", "dt", "restarted")

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.started = False
        self.anchor_ns = 0  # origin of `time`: float seconds near 0 keep their resolution
        self.time = 0.0  # s after the anchor, on the recovered line
        self.period = TARGET_PERIOD_S
        self.count = 0  # samples the line rests on
        self.pending: Vec3 = ZERO  # sum of the samples waiting to be averaged
        self.held = 0  # how many wait
        self.dt = 0.0  # s those span
        self.restarted = False

    @property
    def now_ns(self) -> int:
        """The newest sample's place on the recovered line, steadier than its arrival."""
        return self.anchor_ns + round(self.time * 1e9)

    def push(self, t_ns: int, value: Vec3) -> Sample | None:
        """One sample as it arrived; None while fast samples are being averaged."""
        dt = self._advance(t_ns)
        self.pending = plus(self.pending, value)
        self.held += 1
        self.dt += dt
        held, period = self.held, self.period
        if held * period < TARGET_PERIOD_S - 0.5 * period:
            return None
        out = Sample(self.dt, period * held, self.restarted, scaled(self.pending, 1.0 / held))
        self.pending, self.held, self.dt, self.restarted = ZERO, 0, 0.0, False
        return out

    def _advance(self, t_ns: int) -> float:
        """Move the line to the arrival at `t_ns`; returns how far, in s."""
        period = self.period
        error = (t_ns - self.anchor_ns) / 1e9 - (self.time + period)
        if not self.started or abs(error) > GAP_S + 4.0 * period:
            return self._restart(t_ns)
        self.count = n = self.count + 1 if self.count < MEMORY else MEMORY
        alpha, beta = _GAINS[n]
        least, step = 0.2 * period, period + alpha * error
        if step <= least:
            step = least
        self.time += step
        self.period = clamp(period + beta * error, *PERIOD_RANGE_S)
        return step

    def _restart(self, t_ns: int) -> float:
        self.started, self.restarted = True, True
        self.anchor_ns, self.time = t_ns, 0.0
        self.count = min(self.count, RESTART_MEMORY)
        self.pending, self.held, self.dt = ZERO, 0, 0.0
        return self.period
