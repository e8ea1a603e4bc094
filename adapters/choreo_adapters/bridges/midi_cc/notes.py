"""Accents as notes, on a port of their own: Strudel's midin takes any message on its port for a control."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final, Literal

from pydantic import ConfigDict, Field

from choreo_adapters.accent_notes import AccentNotes, note_off
from choreo_adapters.bridges.midi_cc.bridge import CHILD, HINTS, WINDOWS
from choreo_adapters.bridges.midi_cc.link import ChildLink
from choreo_adapters.bridges.midi_cc.records import RECORD
from choreo_adapters.helper.reports import Report
from choreo_adapters.midi.process import helper_argv
from choreo_service.clock import MS, Clock
from choreo_service.errors import AdapterConfigError
from choreo_service.packets import Accent, ControlPacket
from choreo_service.protocols import ControlWire, Sent

HELD: Final = 64  # notes remembered for panic: more than 16 performers can begin within the longest note


class MidiNotesConfig(AccentNotes):
    """Which note on which port, through which system."""

    model_config = ConfigDict(extra="forbid")

    port: str | None = Field(default=None, min_length=1)
    """A port that exists, by its name or a part of it; without one, choreo offers a port of its own: `client_name`."""
    client_name: str = Field(default="choreo notes", min_length=1, max_length=32, pattern=r"^[A-Za-z0-9 _-]+$")
    api: Literal["auto", "alsa", "jack", "coremidi", "winmm"] = "auto"


class MidiNotes:
    """Plays accents; controls are for midi_cc. States as midi_cc's.

    The child gets each note together with its end, so a note ends even when the service dies with it sounding.
    """

    Config: ClassVar[type[MidiNotesConfig]] = MidiNotesConfig

    def __init__(self, config: MidiNotesConfig, controls: Mapping[str, ControlWire], clock: Clock) -> None:
        self._config = config
        self._clock = clock
        self._link: ChildLink | None = None
        self._report: Report = {"state": "closed"}
        self._held: deque[bytes] = deque(maxlen=HELD)  # note-offs that may still wait in the child
        self._counts = {"accents": 0, "dropped": 0}

    async def run(self) -> None:
        """Keep the child alive until cancelled. AdapterLost when it died or hangs: the supervisor starts another."""
        if WINDOWS and self._config.port is None:
            raise AdapterConfigError(
                "midi_notes: Windows can't create MIDI ports, so there is nothing to offer",
                fix="install loopMIDI, create a second port in it, and name that port in `port:`",
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

    def send(self, control: ControlPacket, names: Sequence[str]) -> Sent:
        """Nothing: this port carries notes alone."""
        return ()

    def accent(self, accent: Accent) -> bool:
        on = self._config.on(accent)
        if on is None or self._report["state"] != "open":
            return False
        now, off = self._clock.now_ns(), note_off(on)
        if not self._write(off, now + round(self._config.length_ms * MS)):
            return False  # a note is begun only when its end is on its way
        self._held.append(off)
        sent = self._write(on, now)
        self._counts["accents"] += sent
        return sent

    def panic(self) -> None:
        """End every note now instead of in its time."""
        now = self._clock.now_ns()
        for off in dict.fromkeys(self._held):
            self._write(off, now)
        self._held.clear()

    def health(self) -> Mapping[str, Any]:
        target = ": ".join(filter(None, (self._report.get("api"), self._report.get("port"))))
        facts = {"state": self._report["state"], "reason": self._report.get("reason", ""), "target": target}
        return {**facts, "hint": HINTS.get(facts["state"], ""), **self._counts}

    def _command(self) -> Sequence[str]:
        """The argument vector of the child; replaced in tests."""
        return helper_argv(
            CHILD, {"client": self._config.client_name, "port": self._config.port, "api": self._config.api}
        )

    def _note(self, report: Report) -> None:
        if self._link is not None:
            self._report = report

    def _write(self, message: bytes, due_ns: int) -> bool:
        written = self._link is not None and self._link.write(RECORD.pack(due_ns, *message))
        self._counts["dropped"] += not written
        return written
