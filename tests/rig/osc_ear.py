"""An OSC receiver inside the test: keeps every message with the time it came."""

from __future__ import annotations

import socket
import threading
import time
from typing import Self

import numpy as np
from numpy.typing import NDArray
from pythonosc.osc_message import OscMessage


class OscEar:
    """Listens on `port` of 127.0.0.1 inside its `with` block. Takes messages of one number, no bundles."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port = int(self._socket.getsockname()[1])
        self._heard: list[tuple[float, str, float]] = []
        self._latest: dict[str, float] = {}
        self._thread = threading.Thread(target=self._listen, name="rig-osc-ear")

    def values(self, address: str) -> NDArray[np.float64]:
        """What arrived at `address`: [n, 2] of CLOCK_MONOTONIC in s and value, oldest first."""
        pairs = [(at_s, value) for at_s, heard, value in list(self._heard) if heard == address]
        return np.array(pairs, dtype=np.float64).reshape(-1, 2)

    def arrivals(self) -> NDArray[np.float64]:
        """CLOCK_MONOTONIC in s of every message, [n], oldest first."""
        return np.array([at_s for at_s, _, _ in list(self._heard)], dtype=np.float64)

    def latest(self, address: str) -> float:
        """The last value; NaN before the first."""
        return self._latest.get(address, float("nan"))

    def heard(self, address: str, value: float) -> None:
        """Called for each message, in the listening thread; does nothing here."""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as door:
            door.sendto(b"", ("127.0.0.1", self.port))  # an empty datagram ends the thread
        self._thread.join()
        self._socket.close()

    def _listen(self) -> None:
        while datagram := self._socket.recv(4096):
            message = OscMessage(datagram)
            value = float(message.params[0])
            self._heard.append((time.monotonic(), message.address, value))
            self._latest[message.address] = value
            self.heard(message.address, value)
