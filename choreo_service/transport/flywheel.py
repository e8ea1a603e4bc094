"""Position and tempo that move smoothly: whatever is wanted of them, phase never steps and never runs backward."""

from __future__ import annotations

import math
from typing import Final

from choreo_service.clock import NS
from choreo_service.features.component import Component
from choreo_service.features.vectors import clamp

BEATS_PER_BAR: Final = 4
SLEW_PER_BEAT: Final = 0.04  # largest change of tempo in one beat, as a part of it
BEND_S: Final = 0.1  # time constant that smooths the bend; raw it would step 4 % in one tick
SLOWEST_BPM: Final = 30.0
FASTEST_BPM: Final = 300.0


class Flywheel(Component):
    """d(beats)/dt = bpm / 60 * (1 + bend). `bpm` slews toward `target`, `bend` follows `pull` and both are bounded."""

    STATE = ("started", "at_ns", "beats", "bpm", "target", "bend", "pull")

    def __init__(self, bpm: float) -> None:
        self._first_bpm = bpm
        self.reset()

    def reset(self) -> None:
        self.started = False
        self.at_ns = 0  # ns, time of the values below
        self.beats = 0.0  # position in the bar, 0..BEATS_PER_BAR
        self.bpm = self._first_bpm
        self.target = self._first_bpm  # bpm it slews to
        self.bend = 0.0  # part of the tempo added to correct the phase
        self.pull = 0.0  # where the bend goes

    @property
    def beats_per_s(self) -> float:
        return self.bpm / 60.0 * (1.0 + self.bend)

    def aim(self, bpm: float) -> None:
        """Slew to `bpm`, within what is a tempo at all."""
        self.target = min(FASTEST_BPM, max(SLOWEST_BPM, bpm))

    def place(self, t_ns: int, beats: float, bpm: float | None = None) -> None:
        """Stand at `beats` at `t_ns`, at once: a cut, not a movement. With `bpm` that too."""
        self.started, self.at_ns, self.beats = True, t_ns, beats
        self.bend = self.pull = 0.0
        if bpm is not None:
            self.aim(bpm)
            self.bpm = self.target

    def position_at(self, t_ns: int) -> float:
        """Beats at a time near the present one, at the present speed; not wrapped into the bar."""
        return self.beats + (t_ns - self.at_ns) / NS * self.beats_per_s

    def turn_to(self, t_ns: int, *, fading: bool) -> int:
        """Move on to `t_ns`; returns how many beats began. `fading` lets the pull die away within a beat."""
        if not self.started:
            self.started, self.at_ns = True, t_ns
        elapsed_s = (t_ns - self.at_ns) / NS
        if elapsed_s < 0.0:
            return 0  # time went back: stand still until it is here again
        before = int(self.beats)
        beats = self.beats + elapsed_s * self.beats_per_s
        self._settle(elapsed_s, fading)
        self.at_ns, self.beats = t_ns, beats % BEATS_PER_BAR
        return int(beats) - before

    def _settle(self, elapsed_s: float, fading: bool) -> None:
        most = self.bpm * SLEW_PER_BEAT * elapsed_s * self.bpm / 60.0
        self.bpm += clamp(self.target - self.bpm, -most, most)
        if self.pull or self.bend:  # with our own clock there is no phase to correct
            self.bend += (self.pull - self.bend) * -math.expm1(-elapsed_s / BEND_S)
            if fading:
                self.pull *= math.exp(-elapsed_s * self.bpm / 60.0)
