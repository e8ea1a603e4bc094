"""The body as leader: its beats set the tempo by their spacing and bend the phase by their vector mean.

Frequency-aided, because a phase term alone slips cycles when the tempo steps; a vector mean, because beats on the
off-beat then cancel instead of pulling half a beat away.
"""

from __future__ import annotations

import cmath
import math
from collections import deque
from typing import Final

from choreo_service.clock import NS
from choreo_service.features.component import Component
from choreo_service.transport.flywheel import Flywheel
from choreo_service.transport.lines import NEVER

GATE: Final = 0.3  # beats an interval may be off a whole number of beats
LEARN: Final = 0.35  # part of the way to the median tempo per beat
KEEP: Final = 0.7  # of the phase vector per beat
SURE: Final = 0.3  # length of the phase vector from which it is believed
PULL: Final = 0.3  # part of the phase error corrected per beat
MOST_BEND: Final = 0.04
HOME_RANGE: Final = 0.12  # of the home tempo; beyond it people hear another tempo, not the same one led
LONGEST: Final = 4.5  # beats of silence after which an interval tells nothing
NEWS_NS: Final = NS  # a beat further from the present than this is no news


class BodyLeader(Component):
    """Turns the times of a body's beats into a tempo and a bend of the flywheel."""

    STATE = ("last_ns", "tempi", "real", "imag", "bpm")

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.last_ns = NEVER  # the last beat
        self.tempi: deque[float] = deque(maxlen=3)  # bpm, of the last intervals
        self.real = self.imag = 0.0  # the phase vector
        self.bpm = 0.0  # what the body dances at, within the home range

    def start(self, bpm: float, home_bpm: float) -> None:
        """Lead from now on, from the tempo that is there."""
        self.reset()
        self.bpm = _near_home(bpm, home_bpm)

    def beat(self, t_ns: int, wheel: Flywheel, home_bpm: float) -> None:
        """A beat of the body at `t_ns`."""
        if t_ns <= self.last_ns or abs(t_ns - wheel.at_ns) > NEWS_NS:
            return
        self._learn_tempo(t_ns, home_bpm)
        wheel.pull = self._bend(wheel.position_at(t_ns))

    def leak(self, home_bpm: float, per_s: float, elapsed_s: float) -> None:
        """Let the tempo return home: an anchor against two followers who drive each other away."""
        self.bpm += (home_bpm - self.bpm) * -math.expm1(-per_s * elapsed_s)

    def _learn_tempo(self, t_ns: int, home_bpm: float) -> None:
        beats = (t_ns - self.last_ns) / NS * self.bpm / 60.0
        if beats > LONGEST:
            self.tempi.clear()
            self.real = self.imag = 0.0
        whole = round(beats)
        self.last_ns = t_ns
        if not 1 <= whole <= LONGEST or abs(beats - whole) >= GATE:
            return
        self.tempi.append(self.bpm * whole / beats)
        learnt = self.bpm + LEARN * (sorted(self.tempi)[len(self.tempi) // 2] - self.bpm)
        self.bpm = _near_home(learnt, home_bpm)

    def _bend(self, beats: float) -> float:
        """-PULL of the mean phase error, the less the less the beats agree; in front of the body means slow down."""
        turn = 2.0 * math.pi * beats
        self.real = KEEP * self.real + (1.0 - KEEP) * math.cos(turn)
        self.imag = KEEP * self.imag + (1.0 - KEEP) * math.sin(turn)
        length, angle = cmath.polar(complex(self.real, self.imag))
        if length <= SURE:
            return 0.0
        bend = -PULL * angle / (2.0 * math.pi) * min(1.0, 1.5 * length)
        return min(MOST_BEND, max(-MOST_BEND, bend))


def _near_home(bpm: float, home_bpm: float) -> float:
    return min(home_bpm * (1.0 + HOME_RANGE), max(home_bpm * (1.0 - HOME_RANGE), bpm))
