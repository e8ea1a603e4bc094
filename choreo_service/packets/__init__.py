"""What flows through the service, and the three tables that name it.

`STREAMS` lists the raw quantities sensors may emit, `MODALITIES` the four groups of frame features they become,
`CONTROLS` the five controls that come out. These tables are the only places where names, widths, rates, ranges and
safe values stand.
"""

from typing import Final

from choreo_service.packets.accent import ACCENT, Accent
from choreo_service.packets.arrays import BoolArray, FloatArray, StateArray
from choreo_service.packets.controls import CONTROL_NAMES, CONTROLS, Control, ControlPacket
from choreo_service.packets.frame import Frame, states_of
from choreo_service.packets.latent import LATENT_DIM, Latent, LatentPacket
from choreo_service.packets.modalities import (
    FEATURE_COLUMNS,
    MODALITIES,
    MODALITY_NAMES,
    Modality,
    ModalityState,
)
from choreo_service.packets.step import Step
from choreo_service.packets.streams import LIMBS, STREAMS, SensorPacket, Stream
from choreo_service.packets.tempo import LEADERS, TempoPacket

SCHEMA_VERSION: Final = 1

__all__ = [
    "ACCENT",
    "CONTROLS",
    "CONTROL_NAMES",
    "FEATURE_COLUMNS",
    "LATENT_DIM",
    "LEADERS",
    "LIMBS",
    "MODALITIES",
    "MODALITY_NAMES",
    "SCHEMA_VERSION",
    "STREAMS",
    "Accent",
    "BoolArray",
    "Control",
    "ControlPacket",
    "FloatArray",
    "Frame",
    "Latent",
    "LatentPacket",
    "Modality",
    "ModalityState",
    "SensorPacket",
    "StateArray",
    "Step",
    "Stream",
    "TempoPacket",
    "states_of",
]
