"""What travels through the pipes: eleven-byte records to the child, lines of JSON back."""

from __future__ import annotations

import struct
from typing import Final

from choreo_adapters.helper.reports import from_line, to_line
from choreo_adapters.midi.keeper import HEARTBEAT_S

__all__ = ["HEARTBEAT_S", "RECORD", "from_line", "to_line"]

RECORD: Final = struct.Struct(
    "<q3B"
)  # ns on the monotonic clock when the message is due, and a three-byte MIDI message
