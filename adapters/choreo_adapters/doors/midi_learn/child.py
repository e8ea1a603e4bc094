"""The helper process: `python -m choreo_adapters.doors.midi_learn.child '{"client": ..., "port": ..., "api": ...}'`.

It opens every MIDI input there is, also those that come later, and tells what their knobs, pads and keys do. `Rack` is
the whole behaviour without process, pipe or rtmidi.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, Protocol

from choreo_adapters.helper.reports import to_line
from choreo_adapters.midi.device import MidiPort, RtMidiIn
from choreo_adapters.midi.keeper import HEARTBEAT_NS, LOST_ERRORS, NO_MIDI_NS, SEEK_NS
from choreo_adapters.midi.process import serve
from choreo_service.clock import NS, MonotonicClock

APART_NS: Final = NS // 50  # values of one knob that come closer than this are one: nothing is used more often
MOST_PORTS: Final = 32
_OURS: Final = ("choreo", "midi through", "rtmidi")  # our own outputs, and what only hands on what is heard already
NOTE_ON: Final = 0x90
CONTROL_CHANGE: Final = 0xB0

Heard = Callable[[str, Sequence[int]], None]


class MakeDevice(Protocol):
    """A device that hands its messages to `heard` with the name of its port."""

    def __call__(self, heard: Callable[[Sequence[int]], None]) -> MidiPort: ...


class Teller:
    """Thins out what knobs say: the first value at once, then one every APART_NS, the last one always."""

    def __init__(self, write: Callable[[bytes], object], now_ns: Callable[[], int]) -> None:
        self._write, self._now_ns = write, now_ns
        self._told_ns: dict[tuple[str, int, int], int] = {}
        self._waiting: dict[tuple[str, int, int], int] = {}

    def hear(self, port: str, message: Sequence[int]) -> None:
        """In rtmidi's own thread. Keys count when they are pressed."""
        if len(message) != 3 or message[0] & 0xF0 not in (NOTE_ON, CONTROL_CHANGE):
            return
        status, number, value = message
        if status & 0xF0 == NOTE_ON and not value:
            return
        key = (port, status, number)
        if self._now_ns() - self._told_ns.get(key, -APART_NS) >= APART_NS:
            self._tell(key, value)
        else:
            self._waiting[key] = value

    def flush(self) -> None:
        """What waits is told. In the main thread."""
        while self._waiting:
            with suppress(KeyError):  # the other thread may have told it meanwhile
                self._tell(*self._waiting.popitem())

    @property
    def waits(self) -> bool:
        return bool(self._waiting)

    def _tell(self, key: tuple[str, int, int], value: int) -> None:
        port, status, number = key
        self._waiting.pop(key, None)
        self._told_ns[key] = self._now_ns()
        kind = "cc" if status & 0xF0 == CONTROL_CHANGE else "note"
        facts = {"port": port, "kind": kind, "channel": (status & 0x0F) + 1, "number": number, "value": value}
        self._write(to_line({"state": "message", **facts}))


class Rack:
    """Keeps every input open that is wanted. States: starting, no-midi, open."""

    def __init__(
        self,
        make: MakeDevice,
        wanted: str | None,
        teller: Teller,
        report: Callable[[Mapping[str, Any]], None],
        now_ns: Callable[[], int],
    ) -> None:
        """`wanted` is a part of the names; None takes all but our own."""
        self._make, self._wanted, self._teller = make, wanted, teller
        self._report, self._now_ns = report, now_ns
        self._probe = make(lambda _: None)  # one for all looks: a new one each time costs a client each
        self._open: dict[str, MidiPort] = {}
        self._state, self._reason = "starting", ""
        self._look_ns = self._report_ns = 0

    def feed(self, data: bytes) -> None:
        """Nothing is asked of a rack."""

    @property
    def idle(self) -> bool:
        return True

    def turn(self) -> int:
        """Do all that is due; the nanoseconds until there is more to do."""
        self._teller.flush()
        now = self._now_ns()
        if now >= self._report_ns:
            self._tell(now)  # before a driver is touched, so that one that hangs is told from a slow start
        if now >= self._look_ns:
            self._look(now)
        wait_ns = min(self._look_ns, self._report_ns) - self._now_ns()
        return max(0, min(wait_ns, APART_NS if self._teller.waits or self._open else SEEK_NS))

    def close(self) -> None:
        for device in self._open.values():
            device.close()
        self._open.clear()
        self._probe.close()

    def _look(self, now: int) -> None:
        before = (self._state, self._reason, *self._open)
        try:
            self._follow()
            self._state, self._reason, self._look_ns = "open", "", now + SEEK_NS
        except LOST_ERRORS as error:
            self.close()
            self._state, self._reason, self._look_ns = "no-midi", str(error), now + NO_MIDI_NS
        if before != (self._state, self._reason, *self._open):
            self._tell(now)

    def _follow(self) -> None:
        """Open what came, close what went."""
        if not self._probe.alive():
            self.close()  # what lists the ports died too, and would list the dead for ever
        ports = [name for name in self._probe.ports() if self._is_wanted(name)][:MOST_PORTS]
        gone = [name for name in self._open if name not in ports]
        for name in gone:
            self._open.pop(name).close()
        if gone:
            self._probe.close()  # it tells a dead server by the threads that are missing, and these are ours
        for name in ports:
            if name not in self._open:
                self._open_one(name)

    def _open_one(self, name: str) -> None:
        device = self._make(lambda message: self._teller.hear(name, message))
        try:
            device.open(name)
        except LOST_ERRORS:  # gone again, or another program's alone: the others must not suffer
            device.close()
        else:
            self._open[name] = device

    def _is_wanted(self, name: str) -> bool:
        low = name.lower()
        return self._wanted.lower() in low if self._wanted else not low.startswith(_OURS)

    def _tell(self, now: int) -> None:
        self._report_ns = now + HEARTBEAT_NS
        facts = {"state": self._state, "reason": self._reason, "api": self._probe.api, "ports": list(self._open)}
        self._report(facts)


def main(settings: dict[str, Any]) -> None:
    """Listen until stdin ends or nobody reads stdout."""
    clock = MonotonicClock()

    def write(line: bytes) -> None:
        with suppress(OSError):  # nobody reads: the main thread notices and ends
            os.write(1, line)

    def make(heard: Callable[[Sequence[int]], None]) -> MidiPort:
        return RtMidiIn(settings["client"], settings["api"], heard)

    teller = Teller(write, clock.now_ns)
    serve(lambda report, now_ns: Rack(make, settings["port"], teller, report, now_ns))


if __name__ == "__main__":
    with suppress(BrokenPipeError):  # the service is gone
        main(json.loads(sys.argv[1]))
