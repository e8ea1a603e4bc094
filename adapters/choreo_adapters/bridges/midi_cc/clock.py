"""The transport as MIDI clock, on a port of its own: Strudel's midin takes any message on its port for a control."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from choreo_adapters.bridges.midi_cc.bridge import HINTS, WINDOWS
from choreo_adapters.bridges.midi_cc.clock_child import UPDATE
from choreo_adapters.bridges.midi_cc.link import ChildLink
from choreo_adapters.helper.reports import Report
from choreo_adapters.midi.process import helper_argv
from choreo_service.clock import MS, Clock
from choreo_service.errors import AdapterConfigError
from choreo_service.packets import ControlPacket, TempoPacket
from choreo_service.protocols import ControlWire, Sent

CHILD: Final = "choreo_adapters.bridges.midi_cc.clock_child"


class MidiClockConfig(BaseModel):
    """Which port, through which system, how much earlier or later."""

    model_config = ConfigDict(extra="forbid")

    port: str | None = Field(default=None, min_length=1)
    """A port that exists, by its name or a part of it; without one, choreo offers a port of its own: `client_name`."""
    client_name: str = Field(default="choreo clock", min_length=1, max_length=32, pattern=r"^[A-Za-z0-9 _-]+$")
    api: Literal["auto", "alsa", "jack", "coremidi", "winmm"] = "auto"
    latency_offset_ms: float = Field(default=0.0, ge=-500, le=500)
    """Moves every tick: positive is later; negative is earlier, for a receiver that sounds late."""


class MidiClockOut:
    """Start with the first bar line, 24 ticks a beat at the transport's tempo and phase, Stop at the end.

    States as midi_cc's. Panic lets the clock run: a tempo is nothing that hangs.
    """

    Config: ClassVar[type[BaseModel]] = MidiClockConfig

    def __init__(self, config: MidiClockConfig, controls: Mapping[str, ControlWire], clock: Clock) -> None:
        self._config = config
        self._clock = clock
        self._link: ChildLink | None = None
        self._report: Report = {"state": "closed"}
        self._dropped = 0
        self._bpm = 0.0

    async def run(self) -> None:
        """Keep the child alive until cancelled. AdapterLost when it died or hangs: the supervisor starts another."""
        if WINDOWS and self._config.port is None:
            raise AdapterConfigError(
                "midi_clock: Windows can't create MIDI ports, so there is nothing to offer",
                fix="install loopMIDI, create another port in it, and name that port in `port:`",
            )
        link = self._link = ChildLink(self._command(), self._note, self._clock)
        self._report = {"state": "starting"}
        try:
            await link.start()
            await link.watch()
        finally:
            self._link = None
            self._report = {"state": "closed"}
            await link.close()

    def keep_time(self, tempo: TempoPacket) -> None:
        """Where the music is at this tick; the child plays from here to the next update and beyond."""
        if self._link is None:
            return
        self._bpm = tempo.bpm
        t_ns = tempo.t_ns + round(self._config.latency_offset_ms * MS)
        self._dropped += not self._link.write(UPDATE.pack(t_ns, tempo.beats, tempo.bpm))

    def send(self, control: ControlPacket, names: Sequence[str]) -> Sent:
        """Nothing: this port carries the clock alone."""
        return ()

    def panic(self) -> None:
        """Nothing sounds here."""

    def health(self) -> Mapping[str, Any]:
        child = {f"child_{name}": self._report.get(name, 0) for name in ("played", "lost", "starts")}
        target = ": ".join(filter(None, (self._report.get("api"), self._report.get("port"))))
        facts = {"state": self._report["state"], "reason": self._report.get("reason", ""), "target": target}
        said = {"detail": f"{self._bpm:.1f} bpm"} if self._bpm and facts["state"] == "open" else {}
        return {**facts, **said, "hint": HINTS.get(facts["state"], ""), "dropped": self._dropped, **child}

    def _command(self) -> Sequence[str]:
        """The argument vector of the child; replaced in tests."""
        return helper_argv(
            CHILD, {"client": self._config.client_name, "port": self._config.port, "api": self._config.api}
        )

    def _note(self, report: Report) -> None:
        if self._link is not None:
            self._report = report
