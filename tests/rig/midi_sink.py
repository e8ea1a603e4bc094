"""A MIDI synthesiser reduced to its memory: a JACK process that keeps what it was sent and can be killed."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from rig.jack_server import JackServer
from rig.process import Process, wait_until

PORT: Final = "in"
READY: Final = "sink ready"
CONTROL_CHANGE: Final = 0xB0


@dataclass(frozen=True, slots=True)
class MidiState:
    """What a sink holds since it was started."""

    count: int  # events of any kind
    cc: Mapping[tuple[int, int], int]  # (channel 1..16, controller) -> last value
    events: tuple[tuple[int, ...], ...]  # raw bytes in order of arrival
    at_s: tuple[float, ...]  # when each arrived, by the server's sample clock


class MidiSink(Process):
    """A JACK client `name` with one MIDI input (`midi_in`).

    Killed and started anew it has forgotten everything, as a synthesiser has.
    """

    def __init__(self, server: JackServer, name: str = "sink") -> None:
        self._server = server
        self.midi_in = f"{name}:{PORT}"
        argv = (sys.executable, "-u", str(Path(__file__).resolve()), server.server, name)
        super().__init__(argv, env=server.env | {"PYTHONPATH": str(Path(__file__).resolve().parents[1])})
        self._read, self._events, self._at_s = 0, list[tuple[int, ...]](), list[float]()

    def start(self, timeout_s: float = 10.0) -> Self:
        self._read, self._events, self._at_s = 0, [], []
        return super().start(timeout_s)

    def is_ready(self) -> bool:
        return READY in self.output()

    def state(self) -> MidiState:
        """What has arrived by now."""
        text = self.output()
        whole = text.rfind("\n") + 1
        for line in text[self._read : whole].splitlines():
            if line.startswith("["):
                at_s, data = json.loads(line)
                self._events.append(tuple(data))
                self._at_s.append(at_s)
        self._read = max(self._read, whole)  # no line twice: tests poll this
        events = tuple(self._events)
        cc = {((e[0] & 0x0F) + 1, e[1]): e[2] for e in events if e[0] & 0xF0 == CONTROL_CHANGE}
        return MidiState(len(events), cc, events, tuple(self._at_s))

    def wait_for_cc(self, controller: int, value: int, channel: int = 1, timeout_s: float = 5.0) -> None:
        """Wait until the controller holds `value`; PeerError when it never does."""
        what = f"CC {controller} = {value} on channel {channel} at {self.midi_in}"
        wait_until(lambda: self.state().cc.get((channel, controller)) == value, what, timeout_s)


def _run(server: str, name: str) -> None:
    """The child: print every event as JSON, [seconds, bytes]. The JACK thread only queues; this thread prints."""
    import queue

    import jack

    heard: queue.SimpleQueue[tuple[float, list[int]]] = queue.SimpleQueue()
    client = jack.Client(name, servername=server, no_start_server=True, use_exact_name=True)
    port: Any = client.midi_inports.register(PORT)

    def process(_frames: int) -> None:
        for offset, data in port.incoming_midi_events():
            heard.put(((client.last_frame_time + offset) / client.samplerate, list(bytes(data))))

    client.set_process_callback(process)
    with client:
        print(READY)
        while True:
            print(json.dumps(heard.get()))


if __name__ == "__main__":
    _run(*sys.argv[1:])
