"""The MIDI clock's process: 24 ticks a beat, scheduled here, from where the transport said the music is.

Run as `python -m choreo_adapters.bridges.midi_cc.clock_child '{"client": ..., "port": ..., "api": ...}'`. Between two
updates, and should the service stall, it goes on at the last tempo.
"""

from __future__ import annotations

import json
import math
import struct
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final

from choreo_adapters.bridges.midi_cc.player import Player
from choreo_adapters.bridges.midi_cc.records import Assembly
from choreo_adapters.midi.device import MidiOut, RtMidiOut
from choreo_adapters.midi.process import serve
from choreo_service.clock import NS

UPDATE: Final = struct.Struct("<q2d")  # ns on the monotonic clock, beats in the bar (0..4) at that time, bpm

CLOCK: Final = b"\xf8"
START: Final = b"\xfa"
CONTINUE: Final = b"\xfb"
STOP: Final = b"\xfc"
SONG_POSITION: Final = 0xF2

PER_BEAT: Final = 24
PER_BAR: Final = 4 * PER_BEAT
PER_SIXTEENTH: Final = 6
POSITIONS: Final = 1 << 14  # sixteenths a song position can count
JUMP: Final = 12.0  # ticks the music may be off before it is called elsewhere; what is less is caught up with
CLOSEST: Final = 0.5  # of a tick: two are never nearer, so that nothing is sent in a burst


class ClockChild(Player):
    """Start goes out with the first bar line the port is open for; after a loss song position and Continue do.

    Where the music jumps, as a take that loops does, Start comes again with the next bar line.
    """

    def __init__(
        self, device: MidiOut, port: str | None, report: Callable[[Mapping[str, Any]], None], now_ns: Callable[[], int]
    ) -> None:
        super().__init__(device, port, report, now_ns)
        self._updates = Assembly(UPDATE)
        self._at_ns = 0
        self._ticks = 0.0  # place in the bar at _at_ns, 0..PER_BAR
        self._ticks_per_ns = 0.0  # 0 before the first update
        self._number = 0  # place in the bar of the tick played last
        self._played_ns = 0
        self._due_ns: int | None = None
        self._begin = True  # the receiver doesn't know yet where the bars are
        self._song = -1  # ticks since Start, -1 before it
        self._counts["starts"] = 0

    def feed(self, data: bytes) -> None:
        """Take updates, of which the newest counts; no bytes at all are the end, and stop the receiver."""
        if not data:
            self._send(STOP, self._now_ns())
            self._due_ns = None
        elif updates := self._updates.take(data):
            self._update(*updates[-1])

    def _update(self, t_ns: int, beats: float, bpm: float) -> None:
        now, first = self._now_ns(), not self._ticks_per_ns
        self._at_ns, self._ticks, self._ticks_per_ns = t_ns, beats * PER_BEAT, bpm * PER_BEAT / (60.0 * NS)
        place = self._place(now)
        if first or abs(math.remainder(place - self._number - 0.5, PER_BAR)) > JUMP:
            self._number, self._begin, self._song = math.floor(place) % PER_BAR, True, -1
        self._schedule(now)

    def _place(self, t_ns: int) -> float:
        """Ticks since the bar line, not wrapped."""
        return self._ticks + (t_ns - self._at_ns) * self._ticks_per_ns

    def _schedule(self, now: int) -> None:
        ahead = math.remainder(self._number + 1 - self._place(now), PER_BAR)
        soonest = self._played_ns + round(CLOSEST / self._ticks_per_ns)
        self._due_ns = max(now + round(ahead / self._ticks_per_ns), soonest)

    def _next_ns(self) -> int | None:
        return self._due_ns

    def _work(self, now: int) -> None:
        if self._state != "open":
            self._begin = True
        if self._due_ns is None or self._due_ns > now:
            return
        self._number = (self._number + 1) % PER_BAR
        if self._number == 0 and self._begin and self._state == "open":
            self._begin_bar(now)
        self._send(CLOCK, now)
        self._song += self._song >= 0
        self._played_ns = now
        self._schedule(now)

    def _begin_bar(self, now: int) -> None:
        self._begin = False
        if self._song < 0:
            self._song = 0
            self._send(START, now)
            self._counts["starts"] += 1
            return
        position = self._song // PER_SIXTEENTH % POSITIONS
        self._send(bytes((SONG_POSITION, position & 0x7F, position >> 7)), now)
        self._send(CONTINUE, now)


def main(settings: Mapping[str, Any]) -> None:
    """Serve until stdin ends or nobody reads stdout."""
    device = RtMidiOut(settings["client"], settings["api"])
    serve(lambda report, now_ns: ClockChild(device, settings["port"], report, now_ns))


if __name__ == "__main__":
    with suppress(BrokenPipeError):  # the service is gone
        main(json.loads(sys.argv[1]))
