"""The five controls that come out, and one performer's at one tick."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Self

from choreo_service.packets.plain import Packet


@dataclass(frozen=True, slots=True)
class Control:
    """One output control as the engine knows it: a position between `lo` and `hi`."""

    name: str
    lo: float
    hi: float
    neutral: float  # eased to at exit, and where the dancer's influence is nil
    safe: float  # where panic goes
    smooth_s: float  # time constant of the guard's smoothing; part of the latency budget
    rate_per_s: float  # largest change per second the guard lets through


CONTROLS: Final[Mapping[str, Control]] = {
    c.name: c
    for c in (
        Control("tempo_scale", 0.0, 1.0, neutral=0.5, safe=0.5, smooth_s=0.25, rate_per_s=1.0),
        Control("density", 0.0, 1.0, neutral=0.3, safe=0.2, smooth_s=0.03, rate_per_s=4.0),
        Control("tension", 0.0, 1.0, neutral=0.5, safe=0.3, smooth_s=0.25, rate_per_s=1.0),
        Control("brightness", 0.0, 1.0, neutral=0.5, safe=0.4, smooth_s=0.10, rate_per_s=2.0),
        Control("fx_send", 0.0, 1.0, neutral=0.2, safe=0.0, smooth_s=0.03, rate_per_s=4.0),
    )
}
CONTROL_NAMES: Final = tuple(CONTROLS)


@dataclass(frozen=True, slots=True)
class ControlPacket(Packet):
    """The five controls of one performer as they go to the bridges, in the ranges of the control map."""

    k: int
    t_ns: int  # ns, due time of the tick
    performer: int
    tempo_scale: float
    density: float
    tension: float
    brightness: float
    fx_send: float
    held: bool = False  # True while a fault makes the engine repeat its last valid output

    @classmethod
    def of(cls, k: int, t_ns: int, performer: int, values: Iterable[float], *, held: bool = False) -> Self:
        """A packet from five values in the order of CONTROLS; ValueError when there are more or fewer."""
        named = dict(zip(CONTROL_NAMES, values, strict=True))
        return cls(k=k, t_ns=t_ns, performer=performer, held=held, **named)

    def value(self, name: str) -> float:
        """The control called `name`, a key of CONTROLS."""
        return float(getattr(self, name))

    def as_tuple(self) -> tuple[float, ...]:
        return (self.tempo_scale, self.density, self.tension, self.brightness, self.fx_send)
