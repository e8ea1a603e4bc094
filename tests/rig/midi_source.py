"""A MIDI keyboard without keys: sends bytes into JACK from the test's own process."""

from __future__ import annotations

import queue
from typing import TYPE_CHECKING, Any, Final

from rig.jack_client import JackClient
from rig.jack_server import JackServer

if TYPE_CHECKING:
    import jack

CLIENT: Final = "rig-keys"


class MidiSource(JackClient):
    """One MIDI output, `midi_out`."""

    name = CLIENT
    midi_out = f"{CLIENT}:out"

    def __init__(self, server: JackServer) -> None:
        super().__init__(server)
        self._waiting: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._port: Any = None

    def send(self, *data: int) -> None:
        """Queue one message; it goes out at the start of the next period."""
        self._waiting.put(bytes(data))

    def cc(self, controller: int, value: int, channel: int = 1) -> None:
        self.send(0xB0 | channel - 1, controller, value)

    def register(self, client: jack.Client) -> None:
        self._port = client.midi_outports.register("out")

    def process(self, frames: int) -> None:
        self._port.clear_buffer()
        while not self._waiting.empty():
            self._port.write_midi_event(0, self._waiting.get_nowait())
