"""SuperCollider's sound server on a private JACK server, spoken to over OSC."""

from __future__ import annotations

import socket
from typing import Any, Final, Self

from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import OscMessageBuilder

from rig.jack_server import JackServer
from rig.ports import free_udp_port
from rig.process import PeerError, Process
from rig.synthdef import SynthDef

REPLY_S: Final = 0.5
CLIENT: Final = "scsynth"


class Scsynth(Process):
    """scsynth with two outputs (`outputs`), listening on `port` of 127.0.0.1."""

    outputs = (f"{CLIENT}:out_1", f"{CLIENT}:out_2")

    def __init__(self, server: JackServer) -> None:
        self.port = free_udp_port()
        env = server.env | {"SC_JACK_DEFAULT_OUTPUTS": "", "SC_JACK_DEFAULT_INPUTS": ""}
        argv = ("scsynth", "-u", str(self.port), "-H", f"{server.server}:{CLIENT}", "-B", "127.0.0.1")
        super().__init__((*argv, "-R", "0", "-D", "0", "-i", "2", "-o", "2"), env=env)  # -R 0: no zeroconf
        self._socket: socket.socket | None = None

    def start(self, timeout_s: float = 10.0) -> Self:
        self._hang_up()  # started again after a kill
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.settimeout(REPLY_S)
        self._socket.connect(("127.0.0.1", self.port))
        super().start(timeout_s)
        return self

    def stop(self) -> int | None:
        status = super().stop()
        self._hang_up()
        return status

    def ask_to_end(self) -> None:
        self.send("/quit")

    def is_ready(self) -> bool:
        try:
            self.request("/status", expect="/status.reply")
        except (OSError, PeerError):
            return False
        return True

    def play(self, definition: SynthDef, node: int = 1000) -> None:
        """Load `definition` and start it as `node`; returns when it sounds."""
        self.request("/d_recv", definition.to_bytes(), expect="/done")
        self.send("/s_new", definition.name, node, 0, 0)
        self.request("/sync", node, expect="/synced")

    def set(self, node: int, **controls: float) -> None:
        """Set controls of a node, as a performance does: nothing comes back."""
        self.send("/n_set", node, *(item for pair in controls.items() for item in pair))

    def get(self, node: int, name: str) -> float:
        """What the server holds for one control, read back by /s_get."""
        return float(self.request("/s_get", node, name, expect="/n_set")[2])

    def send(self, address: str, *arguments: Any) -> None:
        """One OSC message; OSError when nothing listens."""
        builder = OscMessageBuilder(address)
        for argument in arguments:
            builder.add_arg(argument)
        self._connected().send(builder.build().dgram)

    def request(self, address: str, *arguments: Any, expect: str) -> list[Any]:
        """Send, and return the arguments of the reply `expect`, skipping others; PeerError on /fail or on silence."""
        self.send(address, *arguments)
        while True:
            try:
                message = OscMessage(self._connected().recv(65_536))
            except TimeoutError:
                raise PeerError(f"scsynth: no {expect} to {address} within {REPLY_S} s") from None
            if message.address == "/fail":
                raise PeerError(f"scsynth refused {address}: {list(message.params)}")
            if message.address == expect:
                return list(message.params)

    def _hang_up(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _connected(self) -> socket.socket:
        if self._socket is None:
            raise PeerError("scsynth was not started")
        return self._socket
