"""A hit, as it goes past the tick straight to the bridges."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from choreo_service.packets.plain import Packet

ACCENT: Final = "accent"  # what it is called among the controls: in addresses and takes


@dataclass(frozen=True, slots=True)
class Accent(Packet):
    """A hit, jolt or stamp of one performer, as one packet showed it."""

    performer: int  # row of the frame, 0..B-1
    seq: int  # of the packet that showed it
    t_ns: int  # ns, stamp of that packet
    rx_ns: int  # ns, its kernel receive time where known, else t_ns
    strength: float  # 0..1
