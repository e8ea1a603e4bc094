"""Heart streams of one performer become heart rate and its slope."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from statistics import median
from typing import Final

from choreo_service.clock import NS
from choreo_service.features.component import Component
from choreo_service.features.heart_kalman import RateKalman
from choreo_service.features.heart_slope import JUMP, LIMIT, CalmSlope
from choreo_service.features.rr_chain import RrChain
from choreo_service.features.rr_variability import Variability
from choreo_service.features.trend import Trend
from choreo_service.features.vectors import clamp

BPM_RANGE: Final = (30.0, 220.0)  # outside: not a dancer's heart (0 and 255 are what straps say when they don't know)
RR_LIVE_NS: Final = 5 * NS  # while beats come, the strap's own average is only a check
PREDICT_S: Final = 3.0
HOLD_S: Final = 5.0
DECAY_S: Final = 10.0

_NEVER: Final = -(1 << 62)


class HeartFeatures(Component):
    """hr (bpm) and hr_slope (bpm/s), packets.MODALITIES['heart'].

    From RR intervals by a Kalman filter over the accepted beats; where none came for 5 s from heart_rate, the median
    of three and a line through 5 s. Intervals that leap away from both are not believed. Between packets the rate is
    continued along the slope for up to 3 s and then held; the slope holds for 5 s of silence and then decays with 10
    s. Both are 0 until a first packet. A `heart_features` packet takes over until the next raw one.
    """

    STATE = (
        "chain", "kalman", "trend", "calm", "variability", "rates", "doubted",
        "rate", "rate_ns", "fed_ns", "rr_ns", "average_ns", "given_slope", "given_on",
    )  # fmt: skip

    def __init__(self) -> None:
        self.chain = RrChain()
        self.kalman = RateKalman()
        self.trend = Trend()
        self.calm = CalmSlope()
        self.variability = Variability()
        self._take = {"heart_rate": self._take_rate, "rr_interval": self._take_rr, "heart_features": self._take_given}
        self.reset()

    def reset(self) -> None:
        for part in (self.chain, self.kalman, self.trend, self.calm, self.variability):
            part.reset()
        self.rates: deque[float] = deque(maxlen=3)  # bpm
        self.doubted = 0.0  # bpm that leapt away from `rates` last, 0 = none since
        self.rate = 0.0  # bpm at rate_ns; 0 = nothing heard
        self.rate_ns = _NEVER  # the last beat, or the reception of the last rate
        self.fed_ns = _NEVER  # reception of the last packet that counted
        self.rr_ns = _NEVER  # reception of the last accepted interval
        self.average_ns = _NEVER  # reception of the last heart_rate
        self.given_slope = 0.0
        self.given_on = False

    def update(self, stream: str, t_ns: int, values: Sequence[float]) -> bool:
        """One packet received at `t_ns`; whether it is believed. KeyError for a stream that is not heart.

        Implausible values are ignored, and a rate that jumps until a second one agrees with it.
        """
        return self._take[stream](t_ns, values)

    def read(self, t_ns: int) -> tuple[float, float]:
        """(hr, hr_slope) at `t_ns`. Changes nothing."""
        slope = self.given_slope if self.given_on else self.calm.slope  # the filter's own slope predicts no better
        ahead_s = clamp((t_ns - self.rate_ns) / NS, 0.0, PREDICT_S)
        rate = clamp(self.rate + slope * ahead_s, *BPM_RANGE) if self.rate else 0.0
        return rate, slope * self._fade(t_ns)

    @property
    def variability_ms(self) -> float:
        """RMSSD in ms over the accepted intervals of the 60 s before the last beat; NaN with fewer than ten."""
        return self.variability.rmssd_ms

    def _take_rr(self, t_ns: int, values: Sequence[float]) -> bool:
        beat = self.chain.push(t_ns, float(values[0])) if len(values) == 1 else None
        if beat is None:
            return False
        if self.kalman.loses(beat.since_s, beat.interval) and self._denied(t_ns, 60.0 / beat.typical):
            self.chain.disown()
            self.kalman.reset()
            return False
        self.rr_ns = t_ns
        self.kalman.step(beat.since_s, beat.interval, beat.typical)
        self.variability.add(beat.t_ns, beat.interval, beat.joined)
        self._calm(t_ns, self.kalman.slope, beat.since_s)
        self.rate, self.rate_ns = self.kalman.rate, beat.t_ns
        return True

    def _take_rate(self, t_ns: int, values: Sequence[float]) -> bool:
        if len(values) != 1 or not BPM_RANGE[0] <= values[0] <= BPM_RANGE[1]:
            return False
        bpm = float(values[0])
        if not self._agrees(bpm):
            return False
        self.rates.append(bpm)
        self.average_ns = t_ns
        typical = median(self.rates)
        if abs(bpm - typical) <= JUMP:  # one wrong packet would tilt the line for five seconds
            self.trend.add(t_ns, bpm)
        if abs(t_ns - self.rr_ns) <= RR_LIVE_NS:  # the line is ready for the moment the beats stop
            return True
        self._calm(t_ns, self.trend.slope, (t_ns - self.rate_ns) / NS)
        self.rate, self.rate_ns = typical, t_ns
        return True

    def _take_given(self, t_ns: int, values: Sequence[float]) -> bool:
        if len(values) != 2 or not math.isfinite(values[1]) or not BPM_RANGE[0] <= values[0] <= BPM_RANGE[1]:
            return False
        self.rate, self.rate_ns, self.fed_ns = float(values[0]), t_ns, t_ns
        self.given_slope, self.given_on = clamp(float(values[1]), -LIMIT, LIMIT), True
        return True

    def _agrees(self, bpm: float) -> bool:
        """Whether a rate is near the usual one, or the second in a row that is near another: a strap that sits anew."""
        if self.rates and abs(bpm - median(self.rates)) > JUMP:
            if not self.doubted or abs(bpm - self.doubted) > JUMP:
                self.doubted = bpm
                return False
            self.rates.clear()
            self.rates.append(self.doubted)
        self.doubted = 0.0
        return True

    def _denied(self, t_ns: int, bpm: float) -> bool:
        """Whether the strap's own average says otherwise: runs of false beats are as even as true ones."""
        return abs(t_ns - self.average_ns) <= RR_LIVE_NS and abs(bpm - median(self.rates)) > JUMP

    def _calm(self, t_ns: int, estimate: float, since_s: float) -> None:
        """The slope goes on from what was read last, which after a silence had already decayed."""
        self.calm.slope *= self._fade(t_ns)
        self.calm.step(estimate, since_s)
        self.fed_ns, self.given_on = t_ns, False

    def _fade(self, t_ns: int) -> float:
        silence_s = (t_ns - self.fed_ns) / NS
        return math.exp((HOLD_S - silence_s) / DECAY_S) if silence_s > HOLD_S else 1.0
