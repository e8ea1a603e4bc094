"""A MIDI keyboard without keys: sends bytes into JACK from the test's own process."""

from __future__ import annotations

import queue
from typing import TYPE_CHECKING, Any, Final, Self

from rig.jack_server import JackServer

if TYPE_CHECKING:
    import jack

CLIENT: Final = "rig-keys"


class MidiSource:
    """A JACK client with one MIDI output (`midi_out`). Use as a context manager."""

    midi_out = f"{CLIENT}:out"

    def __init__(self, server: JackServer) -> None:
        self._server = server
        self._waiting: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._client: jack.Client | None = None
        self._port: Any = None

    def send(self, *data: int) -> None:
        """Queue one message; it goes out at the start of the next period."""
        self._waiting.put(bytes(data))

    def cc(self, controller: int, value: int, channel: int = 1) -> None:
        self.send(0xB0 | channel - 1, controller, value)

    def __enter__(self) -> Self:
        import jack  # loads libjack, which a machine without peers lacks

        client = jack.Client(CLIENT, servername=self._server.server, no_start_server=True, use_exact_name=True)
        self._port = client.midi_outports.register("out")
        client.set_process_callback(self._process)
        client.activate()
        self._client = client
        return self

    def __exit__(self, *_: object) -> None:
        if self._client is not None:
            self._client.deactivate()
            self._client.close()
            self._client = None

    def _process(self, _frames: int) -> None:
        self._port.clear_buffer()
        while not self._waiting.empty():
            self._port.write_midi_event(0, self._waiting.get_nowait())
