"""When a body marks the beat: the tops of its bounce, which is where the foot takes the weight."""

from __future__ import annotations

import math
from typing import Final

from choreo_service.clock import NS
from choreo_service.features.component import Component

ENVELOPE_S: Final = 4.0  # how slowly a big bounce is forgotten
TOP: Final = 0.5  # of the envelope; smaller tops are what lies between two beats
QUIET: Final = 0.25  # m/s^2: below this nobody marks anything
GAP_S: Final = 0.5  # between two samples; beyond it the wave begins anew
SOONEST_S: Final = 0.2  # between two beats: 300 bpm
SLOWEST_HZ: Final = 0.1  # nothing that moves more slowly has a frequency worth a shift


class BodyBeats(Component):
    """Finds the tops of the band-passed bounce, between samples, one sample after they happened."""

    STATE = ("t_s", "y", "rise", "spacing_s", "envelope", "beat_s", "origin_ns", "started")

    def __init__(self, lo_hz: float, hi_hz: float) -> None:
        """The band of the bounce, whose shift of phase is taken back."""
        self._lo_hz, self._hi_hz = lo_hz, hi_hz
        self.reset()

    def reset(self) -> None:
        self.started = False
        self.origin_ns = 0  # of the times in seconds
        self.t_s = 0.0  # of the newest sample
        self.y = 0.0  # m/s^2, the newest sample
        self.rise = 0.0  # how much it lies above the one before
        self.spacing_s = 0.0
        self.envelope = 0.0  # m/s^2
        self.beat_s = -math.inf  # the last beat

    def push(self, t_ns: int, bounce: float, frequency: float) -> int | None:
        """One sample, m/s^2, at `t_ns`; `frequency` of the movement, 0 while unknown. Returns the time of a beat."""
        t_s = (t_ns - self.origin_ns) / NS
        spacing_s, rise = t_s - self.t_s, bounce - self.y
        if not self.started or abs(spacing_s) > GAP_S:  # nothing is drawn across a gap
            self.started, self.origin_ns, self.beat_s = True, t_ns, -math.inf
            self.t_s, self.y, self.rise = 0.0, bounce, 0.0
            return None
        if spacing_s <= 0.0:
            return None
        self.envelope *= math.exp(-spacing_s / ENVELOPE_S)
        top_s = self._top(rise, spacing_s) if self.rise > 0.0 >= rise else None
        self.t_s, self.y, self.rise, self.spacing_s = t_s, bounce, rise, spacing_s
        if top_s is None:
            return None
        return self.origin_ns + round((top_s + self._lead_s(frequency)) * NS)

    def _top(self, rise: float, spacing_s: float) -> float | None:
        """Where the parabola through the last three samples is highest, None where no beat is marked."""
        high = self.y > max(QUIET, TOP * self.envelope)
        self.envelope = max(self.envelope, self.y)
        if not high or self.t_s - self.beat_s < SOONEST_S:
            return None
        self.beat_s = self.t_s
        before, after = self.rise / self.spacing_s, rise / spacing_s  # slopes half a spacing before and behind
        share = before / (before - after)
        return self.t_s - self.spacing_s / 2.0 + share * (self.spacing_s + spacing_s) / 2.0

    def _lead_s(self, frequency: float) -> float:
        """How much too early the band-pass shows a movement of this frequency."""
        if frequency < SLOWEST_HZ:
            return 0.0
        lead = math.atan(self._lo_hz / frequency) - math.atan(frequency / self._hi_hz)
        return lead / (2.0 * math.pi * frequency)
