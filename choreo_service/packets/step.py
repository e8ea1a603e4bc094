"""Everything one tick produced."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from choreo_service.packets.arrays import FloatArray
from choreo_service.packets.frame import Frame
from choreo_service.packets.latent import LatentPacket
from choreo_service.packets.plain import Packet
from choreo_service.packets.tempo import TempoPacket


@dataclass(frozen=True, slots=True, eq=False)
class Step(Packet):
    """Everything one tick produced. `timings_ns` is the one field excluded from replay comparison."""

    frame: Frame
    latent: LatentPacket | None  # None while the rule mapper plays
    raw: FloatArray  # [B, 5] positions 0..1 as the mapper gave them
    controls: FloatArray  # [B, 5] positions 0..1 after the guards
    held: bool  # the mapper failed this tick and the last valid output was repeated
    mapper: str  # which mapper played: "rules" or the model's name
    tempo: TempoPacket | None = None  # None where only frames are known
    timings_ns: Mapping[str, int] = field(default_factory=dict)  # ns per section: frame, models, guards
