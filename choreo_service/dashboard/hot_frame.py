"""The one binary message: what moves, 96 bytes. Everything else is JSON.

Little-endian: u32 seq (tick number), f64 t (s, due time of the tick on the machine's monotonic clock), f32 x 5 controls
in the ranges of the control map, f32 x 11 features in the order of FEATURE_COLUMNS, f32 x 5 positions 0..1 as the
engine gave them, before the control map. A feature that is absent keeps its
last value; the state says which modality is missing.
"""

from __future__ import annotations

import struct
from typing import Final

from choreo_service.clock import NS
from choreo_service.packets import CONTROL_NAMES, FEATURE_COLUMNS, ControlPacket, Step

VERSION: Final = 2  # of all messages; the hello carries it
LAYOUT: Final = struct.Struct(f"<Id{len(CONTROL_NAMES)}f{len(FEATURE_COLUMNS)}f{len(CONTROL_NAMES)}f")


def pack(control: ControlPacket, step: Step, performer: int) -> bytes:
    """One performer's hot frame of one tick."""
    frame = step.frame
    features, positions = frame.features()[performer].tolist(), step.controls[performer].tolist()
    return LAYOUT.pack(frame.k & 0xFFFFFFFF, frame.t_ns / NS, *control.as_tuple(), *features, *positions)
