"""The MIDI child with a driver that tells the probe, by UDP, when it was given a byte."""

from __future__ import annotations

import json
import socket
import struct
import sys
from collections.abc import Sequence

from choreo_adapters.bridges.midi_cc import child
from choreo_service.clock import MonotonicClock

STAMP = struct.Struct("<q3s")


class StampingOut:
    """A MidiOut whose port is always there."""

    api = "bench"

    def __init__(self, port: int) -> None:
        self._clock = MonotonicClock()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.connect(("127.0.0.1", port))

    def ports(self) -> Sequence[str]:
        return ()

    def open(self, port: str | None) -> str:
        return "bench"

    def send(self, message: bytes) -> None:
        self._socket.send(STAMP.pack(self._clock.now_ns(), message))

    def alive(self) -> bool:
        return True

    def close(self) -> None:
        self._socket.close()


if __name__ == "__main__":
    child.main({"client": "", "api": "", "port": None}, lambda client, api: StampingOut(json.loads(sys.argv[1])))
