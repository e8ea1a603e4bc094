"""Commands from any MIDI controller: press learn, move the knob, done. What was learnt is there again with its port."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final

from pydantic import BaseModel, Field

from choreo_adapters.doors.midi_learn.bindings import MOST, Bindings, Source, Wish, port_name
from choreo_adapters.helper.reports import Report
from choreo_adapters.midi.port import MidiHelper, PortConfig, client_name
from choreo_adapters.midi.process import helper_argv
from choreo_service.clock import Clock
from choreo_service.places import state_folder
from choreo_service.protocols import Submit

CHILD: Final = "choreo_adapters.doors.midi_learn.child"
FILE: Final = "midi_learn.json"
FADER: Final = "manual"  # the command whose argument a knob turns
_PRESSED: Final = 64  # a button's CC counts as pressed from here on
_MOVED: Final = 4  # steps by which a knob has been moved on purpose: some tremble by one
_ENDS: Final = (0, 127)  # where buttons jump to and faders are pushed to


class MidiLearnConfig(PortConfig):
    """Which controllers are heard, and where is kept what was learnt."""

    port: str | None = Field(default=None, min_length=1)
    """A part of the names of the controllers' ports; without one, every MIDI input but our own outputs is heard."""
    client_name: str = client_name("choreo learn")
    """What it is called among the programs that MIDI is connected to."""
    file: str = ""
    """The file of what was learnt; empty: midi_learn.json in the user's state folder, for all workspaces."""


class MidiLearn:
    """Asks for what its knobs, pads and keys are bound to. States: closed, starting, no-midi (asked again), open."""

    Config: ClassVar[type[BaseModel]] = MidiLearnConfig

    def __init__(self, config: MidiLearnConfig, submit: Submit, clock: Clock) -> None:
        self._config, self._submit, self._clock = config, submit, clock
        self.bindings = Bindings(Path(config.file).expanduser() if config.file else state_folder(os.environ) / FILE)
        self._running = False
        self._report: Report = {"state": "closed"}
        self._waiting: Wish | None = None
        self._hint = ""
        self._first: dict[Source, int] = {}  # where each knob stood when learning began, as far as it was heard
        self._last: dict[Source, int] = {}
        self._trouble = ""  # with writing the file
        self._found = ""  # what was wrong with it when it was read; a helper that is started again finds nothing wrong
        self._unsaved = asyncio.Event()
        self._obeyed = self._refused = 0

    async def run(self) -> None:
        """Listen until cancelled. AdapterLost when the helper died or hangs: the supervisor starts another."""
        self._unsaved = asyncio.Event()  # of this loop
        self._found = await asyncio.to_thread(self.bindings.load) or self._found
        fix = "check the JACK or ALSA server it listens through"
        helper = MidiHelper(self._command(), self._note, self._clock, name="MIDI learn", hang_fix=fix)
        self._report, self._running = {"state": "starting"}, True
        try:
            async with asyncio.TaskGroup() as tasks:
                saving = tasks.create_task(self._save_changes())
                try:
                    await helper.start()
                    await helper.watch()
                finally:
                    saving.cancel()
        except BaseExceptionGroup as group:
            raise group.exceptions[0] from None
        finally:
            self._running, self._waiting = False, None
            self._report = {"state": "closed"}
            await helper.close()
            if self._unsaved.is_set():
                await self._save()

    def learn(self, command: str, of: str) -> None:
        """Bind what moves next to a command; "" waits no more."""
        self._waiting = Wish(command, of) if command else None
        self._first, self._hint = {}, ""

    def unlearn(self, command: str, of: str) -> int:
        """Forget what asks for a command; how many knobs, pads and keys that were."""
        gone = self.bindings.forget(Wish(command, of))
        if gone:
            self._unsaved.set()
        return gone

    def learnt(self) -> Mapping[str, Any]:
        """For the pages: what is waited for, what is bound, what is heard."""
        here = [port_name(port) for port in self._report.get("ports", ())]
        waiting = self._waiting and {"command": self._waiting.command, "of": self._waiting.of, "hint": self._hint}
        bindings = [
            {"command": w.command, "of": w.of, "by": str(s), "port": s.port, "there": s.port in here}
            for s, w in self.bindings
        ]
        return {"waiting": waiting, "bindings": bindings, "ports": here}

    def health(self) -> Mapping[str, Any]:
        ports = self._report.get("ports", ())
        return {
            "state": self._report["state"],
            "notice": self._found,
            "reason": self._trouble or self._report.get("reason", ""),
            "target": ", ".join(map(port_name, ports)),
            "bindings": len(self.bindings),
            "obeyed": self._obeyed,
            "refused": self._refused,
        }

    def _command(self) -> Sequence[str]:
        """The argument vector of the helper; replaced in tests."""
        config = self._config
        return helper_argv(CHILD, {"client": config.client_name, "port": config.port, "api": config.api})

    def _note(self, report: Report) -> None:
        """A line of the helper: what a knob says, or how the ports are."""
        if not self._running:
            return
        if report["state"] != "message":
            self._report = report
            return
        source = Source(port_name(report["port"]), report["kind"], report["channel"], report["number"])
        if self._waiting is not None:
            self._try_to_learn(source, report["value"], self._waiting)
        elif (wish := self.bindings[source]) is not None:
            self._ask(source, report["value"], wish)
        self._last[source] = report["value"]

    def _try_to_learn(self, source: Source, value: int, wish: Wish) -> None:
        if source.kind == "note" and wish.command == FADER:
            self._hint = "a key has no position; move a knob or fader"
            return
        first = self._first.setdefault(source, value)
        if source.kind == "cc" and value not in _ENDS and abs(value - first) < _MOVED:
            return
        if not self.bindings.bind(source, wish):
            self._hint = f"{MOST} knobs, pads and keys are bound, which is the most; unlearn one first"
            return
        self._waiting = None
        self._unsaved.set()

    def _ask(self, source: Source, value: int, wish: Wish) -> None:
        args = [wish.of] if wish.of else []
        if wish.command == FADER:
            answer = self._submit(FADER, [*args, value / 127])
        elif source.kind == "note" or value >= _PRESSED > self._last.get(source, 0):
            answer = self._submit(wish.command, args)
        else:
            return
        if answer.ok:
            self._obeyed += 1
        else:
            self._refused += 1

    async def _save_changes(self) -> None:
        """What was learnt while a write went on is in the next one."""
        while True:
            await self._unsaved.wait()
            self._unsaved.clear()
            await self._save()

    async def _save(self) -> None:
        try:
            await asyncio.to_thread(self.bindings.save)
            self._trouble = ""
        except OSError as error:
            self._trouble = f"{self.bindings.path}: {error.strerror}; what was learnt ends with the show"
