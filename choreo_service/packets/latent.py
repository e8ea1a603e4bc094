"""What the model M1 makes of a frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from choreo_service.packets.arrays import BoolArray, FloatArray
from choreo_service.packets.plain import Packet

LATENT_DIM: Final = 104


@dataclass(frozen=True, slots=True, eq=False)
class Latent:
    """What M1 gives for one frame."""

    z: FloatArray  # [B, 104]
    coherence: FloatArray  # [B], 0..1
    filled: BoolArray  # [B, 4]


@dataclass(frozen=True, slots=True, eq=False)
class LatentPacket(Packet):
    """The coherent latent of one tick."""

    k: int
    t_ns: int  # ns, due time of the tick
    z: FloatArray  # [B, 104]
    z_norm: FloatArray  # [B, 104], after M2
    coherence: FloatArray  # [B], 0..1
    filled: BoolArray  # [B, 4], modality reconstructed from the others
