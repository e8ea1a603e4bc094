"""Accents: the moments in which a body hits, jolts or stamps, told on the sample that shows them, not on the next tick.

A pure function of the packets in the order they were accepted: the tick, its length and its lateness don't enter, so a
replay finds the same accents whatever happened between two ticks.
"""

from __future__ import annotations

import math
from typing import Final

from choreo_service.clock import MS
from choreo_service.features.cadence import Cadence
from choreo_service.features.jerk import Jerk
from choreo_service.features.vectors import bounded
from choreo_service.packets import LIMBS, MODALITIES, Accent, SensorPacket

SPAN_S: Final = 0.04  # of the slope: five samples at 100 Hz; the frame's 133 ms would tell a hit 30 ms later
CONTRAST: Final = 2.5  # an accent is so many times the body's usual jerk: a step in a walk, not each shake of a shaker
USUAL_S: Final = 1.0  # time constant of that usual jerk
REARM: Final = 0.5  # of the limit, below which the next accent may come: one hit that rings is one accent
FULL: Final = 25.0  # times the limit, where strength is 1: a stamp; strength is logarithmic, as loudness is heard
SOFTEST: Final = 0.25  # strength at the limit itself
MAX_ACCELERATION: Final = 400.0  # m/s^2 per axis, as in the features
GAP_S: Final = 0.5  # silence after which what was usual is forgotten

_JERK: Final = MODALITIES["motion"].columns.index("jerk")
_NEVER: Final = -(1 << 62)


class AccentDetector:
    """Finds the accents of B performers.

    Jerk (m/s^3) is the slope of the raw acceleration over 40 ms; gravity, which only turns, hardly enters. An accent is
    its rise above `threshold` and above 2.5 times the performer's usual jerk of the last second, told on the first
    sample beyond: on real wrists the jerk there is 0.92 to 0.99 of the peak that follows. Then nothing for
    `refractory_ms`, nor before the jerk has fallen to half the limit.
    """

    def __init__(self, *, performers: int, threshold: float, refractory_ms: float) -> None:
        self._performers = [_Performer(threshold, round(refractory_ms * MS)) for _ in range(performers)]

    def hear(self, packet: SensorPacket) -> Accent | None:
        """The accent this packet shows, if it does. Call with every packet, in the order of `seq`; never raises."""
        strength = self._performers[packet.performer].hear(packet)
        if strength is None:
            return None
        return Accent(packet.performer, packet.seq, packet.t_ns, packet.rx_ns, strength)


class _Performer:
    """One body, through whichever of its motion streams comes, from each place on the body that wears a sensor."""

    def __init__(self, threshold: float, refractory_ns: int) -> None:
        self._edges = {(stream, limb): edge(threshold) for stream, edge in _EDGES.items() for limb in ("", *LIMBS)}
        self._refractory_ns = refractory_ns
        self._last_ns = _NEVER

    def hear(self, packet: SensorPacket) -> float | None:
        edge = self._edges.get((packet.stream, packet.limb))
        strength = None if edge is None else edge.hear(packet)
        # A stream or a limb that says the same a moment later, or a clock that jumps back, is no second hit.
        if strength is None or abs(packet.rx_ns - self._last_ns) < self._refractory_ns:
            return None
        self._last_ns = packet.rx_ns
        return strength


class _Edge:
    """A rise of one stream's jerk above its limit."""

    def __init__(self, threshold: float) -> None:
        self._threshold = threshold
        self._usual = 0.0
        self._armed = True

    def forget(self) -> None:
        self._usual, self._armed = 0.0, True

    def rise(self, jerk: float, dt: float) -> float | None:
        """Strength 0.25..1 when `jerk`, `dt` s after the one before, rises above the limit."""
        limit = max(self._threshold, CONTRAST * self._usual)
        self._usual += min(1.0, dt / USUAL_S) * (jerk - self._usual)
        rises = self._armed and jerk > limit
        if jerk > limit:
            self._armed = False
        elif jerk < REARM * limit:
            self._armed = True
        return min(1.0, SOFTEST + (1.0 - SOFTEST) * math.log(jerk / limit, FULL)) if rises else None


class _RawEdge(_Edge):
    """From acceleration, with or without gravity."""

    def __init__(self, threshold: float) -> None:
        super().__init__(threshold)
        self._cadence = Cadence()
        self._jerk = Jerk(SPAN_S)

    def hear(self, packet: SensorPacket) -> float | None:
        vector = bounded(packet.values, MAX_ACCELERATION)
        sample = None if vector is None else self._cadence.push(packet.rx_ns, vector)
        if sample is None:
            return None
        if sample.restart:  # nothing is drawn across a gap
            self._jerk.reset()
            self.forget()
        return self.rise(self._jerk.step(sample.value, sample.period), sample.dt)


class _GivenEdge(_Edge):
    """From the jerk a take holds that has no raw motion."""

    def __init__(self, threshold: float) -> None:
        super().__init__(threshold)
        self._last_ns = _NEVER

    def hear(self, packet: SensorPacket) -> float | None:
        dt = (packet.rx_ns - self._last_ns) / 1e9
        self._last_ns = packet.rx_ns
        if not 0.0 <= dt <= GAP_S:
            self.forget()
            return None
        jerk = packet.values[_JERK]
        return self.rise(jerk, dt) if math.isfinite(jerk) else None


_EDGES: Final[dict[str, type[_RawEdge] | type[_GivenEdge]]] = {
    "acceleration": _RawEdge,
    "linear_acceleration": _RawEdge,
    "motion_features": _GivenEdge,
}
