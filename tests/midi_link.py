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
        self.writes = 0
        self.full = False

    def write(self, records: bytes) -> bool:
        self.writes += 1
        if not self.full:
            self.records += ((due_ns, bytes(message)) for due_ns, *message in RECORD.iter_unpack(records))
        return not self.full

    def take(self) -> list[bytes]:
        """The messages written since the last call."""
        taken = [message for _, message in self.records]
        self.records.clear()
        return taken
