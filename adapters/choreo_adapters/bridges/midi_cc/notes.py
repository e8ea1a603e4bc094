"""Accents as notes, on a port of their own: Strudel's midin takes any message on its port for a control."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

from choreo_adapters.accent_notes import AccentNotes, note_off
from choreo_adapters.bridges.midi_cc.output import MidiOutput
from choreo_adapters.bridges.midi_cc.records import RECORD
from choreo_adapters.midi.port import PortConfig, client_name
from choreo_service.clock import MS, Clock
from choreo_service.packets import Accent, ControlPacket
from choreo_service.protocols import ControlWire, Sent

HELD: Final = 64  # notes remembered for panic: more than 16 performers can begin within the longest note


class MidiNotesConfig(PortConfig, AccentNotes):
    """Which note on which port, through which system."""

    client_name: str = client_name("choreo notes")


class MidiNotes(MidiOutput):
    """Plays accents; controls are for midi_cc. States as midi_cc's.

    The child gets each note together with its end, so a note ends even when the service dies with it sounding.
    """

    Config: ClassVar[type[MidiNotesConfig]] = MidiNotesConfig
    TYPE = "midi_notes"

    _config: MidiNotesConfig

    def __init__(self, config: MidiNotesConfig, controls: Mapping[str, ControlWire], clock: Clock) -> None:
        super().__init__(config, clock)
        self._held: deque[bytes] = deque(maxlen=HELD)  # note-offs that may still wait in the child
        self._counts = {"accents": 0, "dropped": 0}

    def send(self, control: ControlPacket, names: Sequence[str]) -> Sent:
        """Nothing: this port carries notes alone."""
        return ()

    def accent(self, accent: Accent) -> bool:
        on = self._config.on(accent)
        if on is None or self._report["state"] != "open":
            return False
        now, off = self._clock.now_ns(), note_off(on)
        if not self._play(off, now + round(self._config.length_ms * MS)):
            return False  # a note is begun only when its end is on its way
        self._held.append(off)
        sent = self._play(on, now)
        self._counts["accents"] += sent
        return sent

    def panic(self) -> None:
        """End every note now instead of in its time."""
        now = self._clock.now_ns()
        for off in dict.fromkeys(self._held):
            self._play(off, now)
        self._held.clear()

    def health(self) -> Mapping[str, Any]:
        return {**self._situation(), **self._counts}

    def _play(self, message: bytes, due_ns: int) -> bool:
        written = self._write(RECORD.pack(due_ns, *message))
        self._counts["dropped"] += not written
        return written
