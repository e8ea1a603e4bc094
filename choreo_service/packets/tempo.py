"""Musical time, and who may lead it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from choreo_service.packets.plain import Packet

LEADERS: Final = ("self", "body", "music", "shared")
"""Who may lead the tempo: our own clock, a body, another program, or body and home tempo together."""


@dataclass(frozen=True, slots=True)
class TempoPacket(Packet):
    """Musical time at one tick."""

    t_ns: int  # ns, due time of the tick
    bpm: float  # the speed it moves at, corrections of the phase included
    beats: float  # position in the bar, 0..4
    leader: str  # one of LEADERS
    wanted: str  # who leads from the next bar on
    source: str  # what is followed: own, tap, beat, midi_clock, link, body
    scale: float | None  # 0..1, the position of tempo_scale that is this tempo; None unless the body leads
