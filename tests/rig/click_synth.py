"""A MIDI synthesiser of which all is known: a click starts exactly where its controller's event stands."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Final

from rig.jack_server import JackServer
from rig.process import Process

READY: Final = "click synth ready"
HALF: Final = 64
CLICK: Final = 48  # samples; 1 ms
LEVEL: Final = 0.9


class ClickSynth(Process):
    """A JACK client with one MIDI input (`midi_in`) and one audio output (`out`).

    A value of `controller` of at least HALF clicks, at the event's own sample; `muted` synths never do. What it adds to
    JACK's way from event to sound is nothing, so a sender that is not in step with the server hears 0 to 1 period.
    """

    def __init__(self, server: JackServer, controller: int = 21, *, name: str = "clicks", muted: bool = False) -> None:
        self.midi_in, self.out = f"{name}:in", f"{name}:out"
        level = "0" if muted else str(LEVEL)
        argv = (sys.executable, "-u", str(Path(__file__).resolve()), server.server, name, str(controller), level)
        super().__init__(argv, env=server.env | {"PYTHONPATH": str(Path(__file__).resolve().parents[1])})

    def is_ready(self) -> bool:
        return READY in self.output()


def _run(server: str, name: str, controller: int, level: float) -> None:
    import jack

    client = jack.Client(name, servername=server, no_start_server=True, use_exact_name=True)
    inlet: Any = client.midi_inports.register("in")
    outlet: Any = client.outports.register("out")
    rest = 0  # samples of a click that reach into the next period

    def process(frames: int) -> None:
        nonlocal rest
        block = outlet.get_array()
        block[:] = 0.0
        block[:rest] = level
        rest = max(0, rest - frames)
        for offset, data in inlet.incoming_midi_events():
            message = bytes(data)
            if message[0] & 0xF0 == 0xB0 and message[1] == controller and message[2] >= HALF:
                block[offset : offset + CLICK] = level
                rest = max(0, offset + CLICK - frames)

    client.set_process_callback(process)
    with client:
        print(READY)
        sys.stdin.read()  # ends with its parent


if __name__ == "__main__":
    _run(sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))
