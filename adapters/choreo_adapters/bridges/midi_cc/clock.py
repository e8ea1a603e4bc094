"""The transport as MIDI clock, on a port of its own: Strudel's midin takes any message on its port for a control."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from pydantic import BaseModel, Field

from choreo_adapters.bridges.midi_cc.clock_child import UPDATE
from choreo_adapters.bridges.midi_cc.output import MidiOutput
from choreo_adapters.midi.port import PortConfig, client_name
from choreo_service.clock import MS, Clock
from choreo_service.packets import ControlPacket, TempoPacket
from choreo_service.protocols import ControlWire, Sent


class MidiClockConfig(PortConfig):
    """Which port, through which system, how much earlier or later."""

    client_name: str = client_name("choreo clock")
    latency_offset_ms: float = Field(default=0.0, ge=-500, le=500)
    """Moves every tick: positive is later; negative is earlier, for a receiver that sounds late."""


class MidiClockOut(MidiOutput):
    """Start with the first bar line, 24 ticks a beat at the transport's tempo and phase, Stop at the end.

    States as midi_cc's. Panic lets the clock run: a tempo is nothing that hangs.
    """

    Config: ClassVar[type[BaseModel]] = MidiClockConfig
    TYPE = "midi_clock"
    CHILD = "choreo_adapters.bridges.midi_cc.clock_child"

    _config: MidiClockConfig

    def __init__(self, config: MidiClockConfig, controls: Mapping[str, ControlWire], clock: Clock) -> None:
        super().__init__(config, clock)
        self._dropped = 0
        self._bpm = 0.0

    def keep_time(self, tempo: TempoPacket) -> None:
        """Where the music is at this tick; the child plays from here to the next update and beyond."""
        if self._link is None:
            return
        self._bpm = tempo.bpm
        t_ns = tempo.t_ns + round(self._config.latency_offset_ms * MS)
        self._dropped += not self._write(UPDATE.pack(t_ns, tempo.beats, tempo.bpm))

    def send(self, control: ControlPacket, names: Sequence[str]) -> Sent:
        """Nothing: this port carries the clock alone."""
        return ()

    def panic(self) -> None:
        """Nothing sounds here."""

    def health(self) -> Mapping[str, Any]:
        said = {"detail": f"{self._bpm:.1f} bpm"} if self._bpm and self._state() == "open" else {}
        child = self._from_child("played", "lost", "starts")
        return {**self._situation(), **said, "dropped": self._dropped, **child}
