"""The outside world: a phone at rest with sudden spikes, receivers of OSC and MIDI, and a bare echo to compare with."""

from __future__ import annotations

import asyncio
import random
import socket
import struct
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field

from pythonosc.osc_message_builder import OscMessageBuilder

from bench.midi_child import STAMP
from choreo_service.clock import monotonic_ns

RATE_HZ = 100.0
REST = (0.0, 0.0, 9.80665)
SPIKE = (0.0, 0.0, 60.0)
FAST = ("/choreo/density", "/choreo/fx_send")  # the two controls that are not slow on purpose
FAST_CC = (21, 24)
NEWS = 0.01  # a change of a fast control that can only come from a spike


def sample(values: tuple[float, float, float]) -> bytes:
    builder = OscMessageBuilder("/choreo/motion/accel")
    for value in values:
        builder.add_arg(value, "f")
    return bytes(builder.build().dgram)


@dataclass
class Ear(threading.Thread):
    """Receives on a UDP port and keeps (time ns, value) of the fast controls' first change after each `listen()`."""

    midi: bool
    sock: socket.socket = field(default_factory=lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    heard_ns: int = 0
    _armed_ns: int = 0
    _last: dict[object, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__init__(daemon=True)
        self.sock.bind(("127.0.0.1", 0))
        self.port = self.sock.getsockname()[1]

    def __hash__(self) -> int:
        return id(self)

    def listen(self) -> None:
        self.heard_ns, self._armed_ns = 0, monotonic_ns()

    def run(self) -> None:
        while True:
            data = self.sock.recv(2048)
            now_ns = monotonic_ns()
            key, value, least = self._midi(data) if self.midi else self._osc(data)
            if key is None:
                continue
            if not self.heard_ns and self._armed_ns and abs(value - self._last.get(key, value)) >= least:
                self.heard_ns = now_ns
            self._last[key] = value

    def _osc(self, data: bytes) -> tuple[object, float, float]:
        address = data.split(b"\0", 1)[0].decode()
        if address not in FAST:
            return None, 0.0, 0.0
        return address, struct.unpack(">f", data[-4:])[0], NEWS

    def _midi(self, data: bytes) -> tuple[object, float, float]:
        _, message = STAMP.unpack(data)
        return (message[1] if message[1] in FAST_CC else None), float(message[2]), 1.0


@dataclass
class Heard:
    """One spike: when it was sent and when its consequences arrived; 0 = never."""

    sent_ns: int
    osc_ns: int
    midi_ns: int


def spikes(port: int, osc: Ear, midi: Ear, count: int, seed: int) -> list[Heard]:
    """A phone at rest at 100 Hz; every half second or so one sample of a spike, at a random phase of the tick."""
    rng = random.Random(seed)
    out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    out.connect(("127.0.0.1", port))
    rest, spike = sample(REST), sample(SPIKE)
    heard = []

    def quiet(seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            out.send(rest)
            time.sleep(1 / RATE_HZ)

    quiet(5.0)  # the statistics and the unit detection settle
    for _ in range(count):
        quiet(rng.uniform(1.2, 1.3))
        time.sleep(rng.uniform(0.0, 0.02))
        osc.listen()
        midi.listen()
        sent_ns = monotonic_ns()
        out.send(spike)
        quiet(0.15)
        heard.append(Heard(sent_ns, osc.heard_ns, midi.heard_ns))
    return heard


def echo_round_trips(count: int) -> list[int]:
    """Nanoseconds there and back through a bare uvloop UDP echo in another process: the floor of this machine."""
    child = subprocess.Popen([sys.executable, "-m", "bench.probe"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdin is not None
    assert child.stdout is not None
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.connect(("127.0.0.1", int(child.stdout.readline())))
    trips = []
    for _ in range(count):
        began = monotonic_ns()
        sock.send(b"ping")
        sock.recv(64)
        trips.append(monotonic_ns() - began)
        time.sleep(0.005)
    child.stdin.close()
    child.wait()
    return trips


class _Echo(asyncio.DatagramProtocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._transport.sendto(data, addr)  # type: ignore[attr-defined]


async def _echo() -> None:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(_Echo, local_addr=("127.0.0.1", 0))
    sys.stdout.write(f"{transport.get_extra_info('sockname')[1]}\n")
    sys.stdout.flush()
    ended = asyncio.Event()
    loop.add_reader(0, ended.set)
    await ended.wait()


if __name__ == "__main__":
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as _runner:
        _runner.run(_echo())
