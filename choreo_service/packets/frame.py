"""All features of one tick, and which of them may be used."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from choreo_service.packets.arrays import BoolArray, FloatArray, StateArray
from choreo_service.packets.modalities import MODALITIES, ModalityState
from choreo_service.packets.plain import Packet

_RECOVERING: Final = np.uint8(ModalityState.RECOVERING)
_OF_NOW: Final = np.array(
    [ModalityState.HELD if m.free_running else ModalityState.LIVE for m in MODALITIES.values()], dtype=np.uint8
)


@dataclass(frozen=True, slots=True, eq=False)
class Frame(Packet):
    """All features of one tick for B performers. A modality that is not present keeps its last value."""

    k: int  # tick number on the grid
    dk: int  # slots since the previous tick; > 1 after a skip
    t_ns: int  # ns, due time of the tick
    motion: FloatArray  # [B, 6]
    heart: FloatArray  # [B, 2]
    beat: FloatArray  # [B, 2]
    context: FloatArray  # [B, 1]
    state: StateArray  # [B, 4] ModalityState, in MODALITIES order
    age_s: FloatArray  # [B, 4] s since the last valid sample, inf if never

    @property
    def performers(self) -> int:
        return int(self.motion.shape[0])

    @property
    def present(self) -> BoolArray:
        """[B, 4] the value may be used: live or held."""
        return self.state < _RECOVERING

    @property
    def live(self) -> BoolArray:
        """[B, 4] the value is of now: not held, except of a clock of our own."""
        return self.state <= _OF_NOW

    def features(self) -> FloatArray:
        """The eleven columns of FEATURE_COLUMNS, [B, 11]."""
        return np.concatenate((self.motion, self.heart, self.beat, self.context), axis=1)


def states_of(present: BoolArray) -> StateArray:
    """States where presence is all that is known: LIVE or MISSING."""
    return np.where(present, np.uint8(ModalityState.LIVE), np.uint8(ModalityState.MISSING))
