"""The child process: reads records from stdin, plays them when due, keeps its port open, reports on stdout.

Run as `python -m choreo_adapters.bridges.midi_cc.child '{"client": ..., "port": ..., "api": ...}'`. It ends when stdin
does, so it never outlives the service. `Child` is the whole behaviour without process, pipe or rtmidi.
"""

from __future__ import annotations

import heapq
import json
import sys
from collections.abc import Callable, Mapping
from typing import Any

from choreo_adapters.bridges.midi_cc.player import Player
from choreo_adapters.bridges.midi_cc.records import RECORD, Assembly
from choreo_adapters.midi.device import MidiOut, RtMidiOut
from choreo_adapters.midi.process import list_ports, serve


class Child(Player):
    """Plays records on one MIDI output."""

    def __init__(
        self, device: MidiOut, port: str | None, report: Callable[[Mapping[str, Any]], None], now_ns: Callable[[], int]
    ) -> None:
        """`port` is matched exactly, then by a part of its name; None offers a port of our own."""
        super().__init__(device, port, report, now_ns)
        self._pending: list[tuple[int, int, bytes]] = []  # heap of (due ns, order of arrival, message)
        self._taken = 0
        self._records = Assembly(RECORD)
        self._counts["obsolete"] = 0

    def feed(self, data: bytes) -> None:
        """Take bytes from the pipe; a record cut in two is completed by the next call."""
        for due_ns, *message in self._records.take(data):
            heapq.heappush(self._pending, (due_ns, self._taken, bytes(message)))
            self._taken += 1

    @property
    def idle(self) -> bool:
        """True when no record waits for its time."""
        return not self._pending

    def _next_ns(self) -> int | None:
        return self._pending[0][0] if self._pending else None

    def _work(self, now: int) -> None:
        """Play what is due; of one controller's values only the last, as nobody wants to hear a stall's past."""
        due: dict[bytes, bytes] = {}
        while self._pending and self._pending[0][0] <= now:
            message = heapq.heappop(self._pending)[2]
            self._counts["obsolete"] += due.pop(message[:2], None) is not None
            due[message[:2]] = message
        for message in due.values():
            self._send(message, now)


def main(settings: Mapping[str, Any], make_device: Callable[[str, str], MidiOut] = RtMidiOut) -> None:
    """Serve until stdin ends or nobody reads stdout."""
    device = make_device(settings["client"], settings["api"])
    serve(lambda report, now_ns: Child(device, settings["port"], report, now_ns))


if __name__ == "__main__":
    _settings = json.loads(sys.argv[1])
    if _settings.get("list"):
        list_ports(RtMidiOut("choreo-list", _settings["api"]))
    else:
        try:
            main(_settings)
        except BrokenPipeError:
            sys.exit(0)  # the service is gone
