"""Stands in for a MIDI child and its pipes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from choreo_adapters.bridges.midi_cc.records import RECORD

Record = tuple[int, bytes]  # due time in ns, message


class MidiLink:
    """Stands in for the child and its pipes."""

    def __init__(self, argv: Sequence[str], on_report: Callable[[Any], None], clock: Any) -> None:
        self.report = on_report
        self.records: list[Record] = []
        self.full = False

    def write(self, record: bytes) -> bool:
        if not self.full:
            due_ns, *message = RECORD.unpack(record)
            self.records.append((due_ns, bytes(message)))
        return not self.full

    def take(self) -> list[bytes]:
        """The messages written since the last call."""
        taken = [message for _, message in self.records]
        self.records.clear()
        return taken
