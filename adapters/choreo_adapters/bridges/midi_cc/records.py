"""What travels through the pipes: eleven-byte records to the child, lines of JSON back."""

from __future__ import annotations

import struct
from typing import Any, Final

from choreo_adapters.helper.reports import from_line, to_line
from choreo_adapters.midi.keeper import HEARTBEAT_S

__all__ = ["HEARTBEAT_S", "RECORD", "Assembly", "from_line", "to_line"]

RECORD: Final = struct.Struct(
    "<q3B"
)  # ns on the monotonic clock when the message is due, and a three-byte MIDI message


class Assembly:
    """Records as they come out of a pipe, which may cut them anywhere."""

    def __init__(self, record: struct.Struct) -> None:
        self._record = record
        self._rest = b""

    def take(self, data: bytes) -> list[tuple[Any, ...]]:
        """The records that are whole by now; one cut in two is completed by the next call."""
        data = self._rest + data
        whole = len(data) - len(data) % self._record.size
        self._rest = data[whole:]
        return list(self._record.iter_unpack(data[:whole]))
