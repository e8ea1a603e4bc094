"""Pure Data as a stand-in for Max: OSC in by its own objects, audio out on a private JACK server."""

from __future__ import annotations

import socket
import tempfile
from pathlib import Path
from typing import Final

from rig.jack_server import JackServer
from rig.ports import free_udp_port
from rig.process import Process

CLIENT: Final = "pd"
LISTEN: Final = "listen 9001"


class PureData(Process):
    """pd running a patch that listens at LISTEN, made to listen at `port`; by default `osc_patch`.

    That one is noise; `/choreo/gain` is its loudness, `/choreo/brightness` its low-pass, both 0..1. Every value is
    printed as well, so that `output()` shows what arrived.
    """

    outputs = (f"{CLIENT}:output_1", f"{CLIENT}:output_2")

    def __init__(self, server: JackServer, patch: str | None = None) -> None:
        self.port = free_udp_port()
        self._own = patch is None
        self._server = server
        self._folder = tempfile.TemporaryDirectory()
        text = osc_patch() if patch is None else patch
        file = Path(self._folder.name) / "choreo.pd"
        file.write_text(text.replace(LISTEN, f"listen {self.port}"), encoding="ascii")
        argv = ("puredata", "-nogui", "-noprefs", "-stderr", "-jack", "-nojackconnect", "-jackname", CLIENT, "-nomidi")
        audio = ("-r", str(server.sample_rate), "-audiobuf", "25", "-inchannels", "0", "-outchannels", "2")
        super().__init__((*argv, *audio, str(file)), env=server.env)

    def is_ready(self) -> bool:
        return self._server.has_ports(*self.outputs) and (not self._own or "listening: 1" in self.output())

    def ask_to_end(self) -> None:
        if not self._own:
            super().ask_to_end()
            return
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"/choreo/quit\0\0\0\0,\0\0\0", ("127.0.0.1", self.port))

    def stop(self) -> int | None:
        status = super().stop()
        self._folder.cleanup()
        return status


def osc_patch() -> str:
    """The patch as Pd's file format: objects are numbered in order of appearance, `connect` joins outlet to inlet."""
    objects = (
        "loadbang",  # 0
        f"msg {LISTEN}",  # 1
        "netreceive -u -b",  # 2
        "oscparse",  # 3
        "list trim",  # 4
        "route choreo",  # 5
        "route gain brightness quit",  # 6
        "msg \\; pd dsp 1",  # 7
        "noise~",  # 8
        "lop~ 1000",  # 9
        "*~ 0",  # 10
        "dac~",  # 11
        "print gain",  # 12
        "print brightness",  # 13
        "* 6000",  # 14
        "print listening",  # 15
        "msg 1",  # 16
        "msg \\; pd quit",  # 17
    )
    wires = (
        *((0, 0, 1, 0), (0, 0, 7, 0), (1, 0, 2, 0), (2, 0, 3, 0), (3, 0, 4, 0), (4, 0, 5, 0), (5, 0, 6, 0)),
        *((6, 0, 12, 0), (6, 0, 10, 1), (6, 1, 13, 0), (6, 1, 14, 0), (14, 0, 9, 1), (6, 2, 17, 0)),
        *((8, 0, 9, 0), (9, 0, 10, 0), (10, 0, 11, 0), (10, 0, 11, 1)),
        *((0, 0, 16, 0), (16, 0, 15, 0)),  # loadbang reaches its first connection first: listening is true when printed
    )
    lines = ["#N canvas 0 0 450 300 12;"]
    for index, text in enumerate(objects):
        kind, body = ("msg", text[4:]) if text.startswith("msg ") else ("obj", text)
        lines.append(f"#X {kind} 10 {20 * (index + 1)} {body};")
    lines.extend(f"#X connect {' '.join(map(str, wire))};" for wire in wires)
    return "\n".join(lines) + "\n"
