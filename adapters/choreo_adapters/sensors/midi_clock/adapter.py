"""MIDI clock in: what Strudel, a DAW or a drum machine sends, for the transport to follow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

from pydantic import BaseModel

from choreo_adapters.helper.reports import Report
from choreo_adapters.midi.listing import listed
from choreo_adapters.midi.port import MidiHelper, PortAdapter, PortConfig, client_name
from choreo_service.clock import NS, Clock
from choreo_service.protocols import Emit

SILENT_NS: Final = NS


class MidiClockInConfig(PortConfig):
    """Which port is listened to, through which system."""

    client_name: str = client_name("choreo in")


class MidiClockIn(PortAdapter):
    """Emits midi_clock, stamped where it arrived. The tempo is made of it in the transport, with `leader: music`.

    States as PortAdapter's, except that an open port is waiting (no tick of late) or receiving.
    """

    Config: ClassVar[type[BaseModel]] = MidiClockInConfig
    TYPE = "midi_clock"
    CHILD = "choreo_adapters.sensors.midi_clock.child"
    HINTS: ClassVar[Mapping[str, str]] = {
        "no-midi": "start JACK, or load ALSA's sequencer: sudo modprobe snd-seq",
        "lost": "start the sender, or choose another port: choreo devices, then -o sensors.{name}.port=NAME",
        "waiting": "let the sender send its clock to this port; Strudel: midicmd('clock*96').midi('choreo in')",
    }

    def __init__(self, config: MidiClockInConfig, emit: Emit, clock: Clock) -> None:
        super().__init__(config, clock)
        self._emit = emit
        self._heard_ns: int | None = None
        self._messages = 0

    def health(self) -> Mapping[str, Any]:
        return {**self._situation(), "messages": self._messages}

    @classmethod
    def describe(cls) -> Sequence[Mapping[str, str]]:
        """MIDI inputs as {kind, name, api}, see listed()."""
        return listed(cls.CHILD, "midi input")

    def _make_link(self) -> MidiHelper:
        fix = "check the JACK or ALSA server it listens through"
        return MidiHelper(self._command(), self._note, self._clock, name="MIDI input", hang_fix=fix)

    def _state(self) -> str:
        state = super()._state()
        if state != "open":
            return state
        fresh = self._heard_ns is not None and self._clock.now_ns() - self._heard_ns < SILENT_NS
        return "receiving" if fresh else "waiting"

    def _take(self, report: Report) -> None:
        """A line of the helper: a message of the clock, or how the port is."""
        if report["state"] != "message":
            super()._take(report)
            return
        self._heard_ns = self._clock.now_ns()
        self._messages += 1
        self._emit("midi_clock", (float(report["status"]), float(report["value"])), rx_ns=report["t_ns"])
