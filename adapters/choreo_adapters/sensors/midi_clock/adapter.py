"""MIDI clock in: what Strudel, a DAW or a drum machine sends, for the transport to follow."""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from choreo_adapters.helper.process import HelperProcess
from choreo_adapters.helper.reports import Report, from_line
from choreo_adapters.midi.keeper import HEARTBEAT_S
from choreo_adapters.midi.process import helper_argv
from choreo_service.clock import NS, Clock
from choreo_service.errors import AdapterConfigError
from choreo_service.protocols import Emit

CHILD: Final = "choreo_adapters.sensors.midi_clock.child"
WINDOWS: Final = platform.system() == "Windows"
SILENT_NS: Final = NS
LISTING_S: Final = 5.0  # a stopped JACK server would hang it for ever
HINTS: Final = {
    "no-midi": "start JACK, or load ALSA's sequencer: sudo modprobe snd-seq",
    "lost": "start the sender, or choose another port: choreo devices, then -o sensors.{name}.port=NAME",
    "waiting": "let the sender send its clock to this port; Strudel: midicmd('clock*96').midi('choreo in')",
}


class MidiClockInConfig(BaseModel):
    """Which port is listened to, through which system."""

    model_config = ConfigDict(extra="forbid")

    port: str | None = Field(default=None, min_length=1)
    """A port that exists, by its name or a part of it; without one, choreo offers a port of its own: `client_name`."""
    client_name: str = Field(default="choreo in", min_length=1, max_length=32, pattern=r"^[A-Za-z0-9 _-]+$")
    api: Literal["auto", "alsa", "jack", "coremidi", "winmm"] = "auto"


class MidiClockIn:
    """Emits midi_clock, stamped where it arrived. The tempo is made of it in the transport, with `leader: music`.

    States: closed, starting, no-midi and lost and reopening (waited out), waiting (no tick yet), receiving.
    """

    Config: ClassVar[type[BaseModel]] = MidiClockInConfig

    def __init__(self, config: MidiClockInConfig, emit: Emit, clock: Clock) -> None:
        self._config = config
        self._emit = emit
        self._clock = clock
        self._running = False
        self._report: Report = {"state": "closed"}
        self._heard_ns: int | None = None
        self._messages = 0

    async def run(self) -> None:
        """Keep the helper alive until cancelled. AdapterLost when it died or hangs: the supervisor starts another."""
        if WINDOWS and self._config.port is None:
            raise AdapterConfigError(
                "midi_clock: Windows can't create MIDI ports, so there is nothing to send to",
                fix="install loopMIDI, create a port in it, and name that port in `port:`",
            )
        helper = HelperProcess(
            self._command(),
            self._note,
            self._clock,
            name="MIDI input",
            heartbeat_s=HEARTBEAT_S,
            hang_fix="check the JACK or ALSA server it listens through",
            environment={"JACK_NO_START_SERVER": "1"},  # libjack must not start a server of its own
        )
        self._report, self._running = {"state": "starting"}, True
        try:
            await helper.start()
            await helper.watch()
        finally:
            self._running = False
            self._report = {"state": "closed"}
            await helper.close()

    def health(self) -> Mapping[str, Any]:
        state = self._report["state"]
        if state == "open":
            fresh = self._heard_ns is not None and self._clock.now_ns() - self._heard_ns < SILENT_NS
            state = "receiving" if fresh else "waiting"
        target = ": ".join(filter(None, (self._report.get("api"), self._report.get("port"))))
        facts = {"state": state, "reason": self._report.get("reason", ""), "target": target}
        return {**facts, "hint": HINTS.get(state, ""), "messages": self._messages}

    @classmethod
    def describe(cls) -> Sequence[Mapping[str, str]]:
        """MIDI inputs as {kind, name, api}; one entry with a reason where there is no MIDI. Blocks up to LISTING_S."""
        argv = helper_argv(CHILD, {"list": True, "api": "auto"})
        try:
            listed = subprocess.run(argv, capture_output=True, timeout=LISTING_S, check=True)  # noqa: S603 - ourselves
            report = from_line(listed.stdout)
        except subprocess.TimeoutExpired:
            return ({"kind": "midi input", "name": "", "reason": "the MIDI system doesn't answer; is JACK stopped?"},)
        except (subprocess.CalledProcessError, ValueError) as error:
            return ({"kind": "midi input", "name": "", "reason": f"listing failed: {error}"},)
        if report["state"] != "open":
            return ({"kind": "midi input", "name": "", "reason": str(report.get("reason"))},)
        return tuple({"kind": "midi input", "name": name, "api": report["api"]} for name in report["ports"])

    def _command(self) -> Sequence[str]:
        """The argument vector of the helper; replaced in tests."""
        return helper_argv(
            CHILD, {"client": self._config.client_name, "port": self._config.port, "api": self._config.api}
        )

    def _note(self, report: Report) -> None:
        """A line of the helper: a message of the clock, or how the port is."""
        if not self._running:
            return
        if report["state"] != "message":
            self._report = report
            return
        self._heard_ns = self._clock.now_ns()
        self._messages += 1
        self._emit("midi_clock", (float(report["status"]), float(report["value"])), rx_ns=report["t_ns"])
