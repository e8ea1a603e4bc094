"""An Android phone with Sensors2OSC, as far as the network can tell."""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray
from pythonosc.udp_client import SimpleUDPClient


class Phone:
    """Sends `/accelerometer` `,fff` to a UDP port of this machine, one datagram a sample, at the pace a body moved."""

    def __init__(self, port: int) -> None:
        self._port = port

    def play(self, acceleration: NDArray[np.float64], rate: float) -> None:
        """Send `acceleration` [n, 3] in m/s^2, gravity included, taking n / rate seconds.

        The pace is an absolute grid: a late datagram doesn't delay those after it.
        """
        client = SimpleUDPClient("127.0.0.1", self._port)
        with client:
            start = time.monotonic()
            for index, sample in enumerate(acceleration.tolist()):
                time.sleep(max(0.0, start + index / rate - time.monotonic()))
                client.send_message("/accelerometer", sample)
