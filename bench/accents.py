"""Accents: one hit in a stream of 100 Hz, from its datagram to the note and the OSC message it causes."""

from __future__ import annotations

import random
import socket
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from bench.midi_child import STAMP
from bench.probe import RATE_HZ, REST, SPIKE, sample
from choreo_service.clock import monotonic_ns

NOTE_ON = 0x90
PERIOD_S = 1.0 / RATE_HZ


@dataclass
class AccentEar(threading.Thread):
    """Receives accents on a UDP port, from osc_out or from the MIDI child's driver, and keeps when each came."""

    midi: bool
    sock: socket.socket = field(default_factory=lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    heard_ns: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(daemon=True)
        self.sock.bind(("127.0.0.1", 0))
        self.port = self.sock.getsockname()[1]

    def __hash__(self) -> int:
        return id(self)

    def run(self) -> None:
        while True:
            data = self.sock.recv(2048)
            now_ns = monotonic_ns()
            if self.midi:
                at_ns, message = STAMP.unpack(data)  # when the driver was given the byte
                if message[0] & 0xF0 == NOTE_ON:
                    self.heard_ns.append(at_ns)
            elif data.startswith(b"/choreo/accent\0"):
                self.heard_ns.append(now_ns)


def hits(port: int, count: int, seed: int) -> list[int]:
    """A phone at rest at 100 Hz, hit every half second or so at a random phase of the tick; when each hit was sent."""
    rng = random.Random(seed)
    out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    out.connect(("127.0.0.1", port))
    rest, spike = sample(REST), sample(SPIKE)
    sent = []

    def quiet(seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            out.send(rest)
            time.sleep(PERIOD_S)

    quiet(4.0)  # the app's units are recognised, what is usual is learnt
    for _ in range(count):
        quiet(rng.uniform(0.4, 0.5))
        time.sleep(rng.uniform(0.0, PERIOD_S))
        sent.append(monotonic_ns())
        out.send(spike)
        time.sleep(PERIOD_S)
    quiet(0.2)
    return sent


def ways_ms(sent: Sequence[int], heard: Sequence[int]) -> list[float]:
    """For each hit the time to the first accent after it, within a tenth of a second."""
    found = []
    for began in sent:
        after = [at - began for at in heard if 0 <= at - began < 100_000_000]
        if after:
            found.append(min(after) / 1e6)
    return found
