"""From the browser's MIDI output into JACK: a WebSocket that plays the bytes it gets on a port, at once."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from rig.jack_server import JackServer
from rig.ports import free_tcp_port
from rig.process import Process

CLIENT: Final = "rig-browser"
READY: Final = "relay ready"


class MidiRelay(Process):
    """Bytes sent to `url` leave `midi_out`. A process of its own, so that the test makes no tick late."""

    def __init__(self, server: JackServer) -> None:
        self._server, self._port = server, free_tcp_port()
        self.url = f"ws://127.0.0.1:{self._port}/"
        argv = (sys.executable, "-u", str(Path(__file__).resolve()), str(self._port))
        super().__init__(argv, env=server.env | {"PYTHONPATH": str(Path(__file__).resolve().parents[2])})

    @property
    def midi_out(self) -> str | None:
        return self._server.find_port(f"{CLIENT}:")

    def is_ready(self) -> bool:
        return READY in self.output() and self.midi_out is not None


def _run(tcp_port: int) -> None:
    import mido
    from aiohttp import web

    backend = mido.Backend("mido.backends.rtmidi/UNIX_JACK")
    with backend.open_output(CLIENT, virtual=True, client_name=CLIENT) as midi:

        async def play(request: web.Request) -> web.WebSocketResponse:
            socket = web.WebSocketResponse()
            await socket.prepare(request)
            async for message in socket:
                midi.send(mido.Message.from_bytes(message.data))
            return socket

        async def tell(_: web.Application) -> None:
            print(READY)

        app = web.Application()
        app.router.add_get("/", play)
        app.on_startup.append(tell)
        web.run_app(app, host="127.0.0.1", port=tcp_port, print=None)


if __name__ == "__main__":
    _run(int(sys.argv[1]))
