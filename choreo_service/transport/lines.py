"""What a musical source says, as a straight line through time: where it is, and how fast it goes."""

from __future__ import annotations

from typing import Final, NamedTuple

from choreo_service.clock import NS
from choreo_service.features.component import Component
from choreo_service.transport.flywheel import BEATS_PER_BAR, FASTEST_BPM, SLOWEST_BPM

TEMPO_TAU_S: Final = 0.5  # time constant of the tempo heard from a source that tells positions only
SILENT_NS: Final = NS  # after which a source no longer leads
NEVER: Final = -(1 << 62)  # ns


class Line(NamedTuple):
    """Beats at a time, the tempo around it, and whether the beats count from a bar line that was told."""

    t_ns: int
    beats: float
    bpm: float
    bars: bool

    def at(self, t_ns: int) -> float:
        """Beats at `t_ns`, not wrapped."""
        return self.beats + (t_ns - self.t_ns) / NS * self.bpm / 60.0


class Positions(Component):
    """The line through positions told one by one. Each is believed at once; the tempo is learnt from their advance."""

    STATE = ("heard_ns", "beats", "bpm")

    def __init__(self, bpm: float) -> None:
        self._first_bpm = bpm
        self.reset()

    def reset(self) -> None:
        self.heard_ns = NEVER
        self.beats = 0.0
        self.bpm = self._first_bpm

    def hear(self, t_ns: int, beats: float, bpm: float | None = None) -> None:
        """Position `beats` in the bar at `t_ns`, with the tempo where the source knows it."""
        elapsed_s = (t_ns - self.heard_ns) / NS
        if bpm is not None:
            self.bpm = bpm
        elif self.heard_ns != NEVER and elapsed_s > 0.0:
            self._learn_tempo(elapsed_s, (beats - self.beats) % BEATS_PER_BAR)
        self.heard_ns, self.beats = t_ns, beats

    def line(self, t_ns: int) -> Line | None:
        """None when nothing has been heard for a while."""
        if t_ns - self.heard_ns > SILENT_NS:
            return None
        return Line(self.heard_ns, self.beats, self.bpm, bars=True)

    def _learn_tempo(self, elapsed_s: float, beats: float) -> None:
        bpm = 60.0 * beats / elapsed_s
        if SLOWEST_BPM <= bpm <= FASTEST_BPM:  # a jump of the source is a new position, not a tempo
            self.bpm += min(1.0, elapsed_s / TEMPO_TAU_S) * (bpm - self.bpm)
