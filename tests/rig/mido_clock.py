"""A sequencer that knows nothing of choreo: a process with mido that sends MIDI clock into JACK, as even as it can."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from rig.jack_server import JackServer
from rig.process import Process

CLIENT: Final = "rig-sequencer"
READY: Final = "clock ready"


class MidoClock(Process):
    """Sends at `bpm` from the beginning, Start after `start_after` ticks, until it is stopped."""

    def __init__(self, server: JackServer, bpm: float, start_after: int = 48) -> None:
        self._server = server
        argv = (sys.executable, "-u", str(Path(__file__).resolve()), str(bpm), str(start_after))
        super().__init__(argv, env=server.env | {"PYTHONPATH": str(Path(__file__).resolve().parents[1])})

    @property
    def midi_out(self) -> str | None:
        return self._server.find_port(f"{CLIENT}:")

    def is_ready(self) -> bool:
        return READY in self.output() and self.midi_out is not None


def _run(bpm: float, start_after: int) -> None:
    import time

    import mido

    backend = mido.Backend("mido.backends.rtmidi/UNIX_JACK")
    with backend.open_output(CLIENT, virtual=True, client_name=CLIENT) as port:
        print(READY)
        begun, tick = time.monotonic() + 0.2, 0
        while True:
            time.sleep(max(0.0, begun + tick * 60.0 / (bpm * 24) - time.monotonic()))
            if tick == start_after:
                port.send(mido.Message("start"))
            port.send(mido.Message("clock"))
            tick += 1


if __name__ == "__main__":
    _run(float(sys.argv[1]), int(sys.argv[2]))
