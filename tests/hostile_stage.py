"""A whole service between two real UDP sockets: datagrams of a script go in, what it sent is looked at.

On the virtual clock nothing depends on the machine, so two runs can be compared byte by byte. On the real clock a
heartbeat on the same loop measures how long anything kept the loop from running.
"""

from __future__ import annotations

import asyncio
import math
import socket
import struct
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from importlib import import_module
from itertools import groupby
from typing import Any, Final, NamedTuple

from osc_datagrams import message
from pythonosc.osc_message import OscMessage
from shows import default_map, make_service

from choreo_adapters.bridges.osc_out import OscOut, OscOutConfig
from choreo_adapters.sensors.osc_motion import OscMotion
from choreo_service.clock import MS, NS, Clock, VirtualClock
from choreo_service.service.show import Service

with suppress(ImportError):  # a real show imports it before its loop runs; the first of these would do so on it
    import_module("zeroconf")

PHONE: Final = "127.0.0.1"
STRANGER: Final = "127.0.0.2"
SENSOR: Final = "phone"  # name of the sensor adapter in the service
HEARTBEAT_NS: Final = 5 * MS
_PATIENCE: Final = 200_000  # turns of the loop; a datagram on loopback takes one or two


class Cue(NamedTuple):
    """One datagram of a script."""

    at_s: float
    data: bytes
    source: str = PHONE


@dataclass
class Take:
    """What a run left behind."""

    service: Service
    adapter: OscMotion
    sent: int = 0  # datagrams of the script
    wire: list[bytes] = field(default_factory=list)  # what came out, in order
    escaped: list[dict[str, Any]] = field(default_factory=list)  # what reached the loop's exception handler
    stalls: list[tuple[float, int]] = field(default_factory=list)  # (s since the start, ns the heartbeat came late)

    def refused(self, source: str = PHONE) -> Counter[str]:
        """Cause -> count of one sender, without what was accepted."""
        counts = Counter(self.service.ingress.counts().get(f"{SENSOR}:{source}", {}))
        del counts["accepted"]
        return counts

    def values(self, name: str) -> list[float]:
        """Everything sent for one control, as the receiver reads it."""
        parsed = (OscMessage(data) for data in self.wire)
        return [float(m.params[0]) for m in parsed if m.address == f"/choreo/{name}"]

    def worst_stall_ns(self) -> int:
        return max(late for _, late in self.stalls)


def dance(from_s: float, to_s: float, encode: Callable[[float, float, float], bytes] | None = None) -> Iterator[Cue]:
    """A phone at 100 Hz: half a second almost still, half a second shaken, and again. `encode` takes m/s^2."""
    for i in range(round(from_s * 100), round(to_s * 100)):
        t_s = i / 100
        size = 9.0 if t_s % 1.0 >= 0.5 else 0.3
        z = 9.81 + size * math.sin(2.0 * math.pi * 2.5 * t_s)
        yield Cue(t_s, (encode or acceleration)(0.3 * size * math.cos(t_s), 0.5, z))


def acceleration(x: float, y: float, z: float) -> bytes:
    """A sample in this project's own layout."""
    return message("/choreo/motion/accel", "fff", x, y, z)


async def play(clock: Clock, cues: Iterable[Cue], *, seconds: float) -> Take:
    """Run a service for `seconds` and let the script reach it. Datagrams of one time are sent at once."""
    script = sorted(cues, key=lambda cue: cue.at_s)
    with ExitStack() as sockets:
        sink = sockets.enter_context(_bound(PHONE))
        senders = {source: sockets.enter_context(_bound(source)) for source in {cue.source for cue in script}}
        take = _built(clock, sink.getsockname()[1])
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: take.escaped.append(context))
        if isinstance(clock, VirtualClock):  # it can't wait for the thread in which names are resolved
            setattr(loop, "getaddrinfo", _numeric)  # noqa: B010 - an assignment is what mypy refuses
        loop.add_reader(sink.fileno(), _drain, sink, take.wire)
        try:
            await _perform(clock, take, script, senders, seconds)
            await _turns(lambda: len(take.wire) == _sent(take), "everything sent reaches the receiver")
        finally:
            loop.remove_reader(sink.fileno())
    return take


def check(take: Take) -> None:
    """What holds in every run: only finite values in their ranges went out, nothing escaped, everything is counted."""
    assert take.escaped == []
    for name, wire in default_map().wires().items():
        values = take.values(name)
        assert values, f"{name} was never sent"
        lo, hi = (struct.unpack("f", struct.pack("f", end))[0] for end in (wire.lo, wire.hi))  # as 32 bits hold them
        assert all(math.isfinite(v) and lo <= v <= hi for v in values), name
    receiver = take.adapter.receiver
    assert receiver.accepted + receiver.rejected.total() == receiver.received
    assert take.service.controller.bridge_errors == {}
    assert set(take.service.supervisor.states.values()) == {"up"}


def moves(take: Take) -> bool:
    """Whether the dancer is heard at the end of the show: density swings by a fifth of its range."""
    last = take.values("density")[-120:-12]  # two changes from still to shaken; the very last is the ease to neutral
    return max(last) - min(last) > 0.2


def _built(clock: Clock, port: int) -> Take:
    adapters: list[OscMotion] = []

    def phone(emit: Any, clock: Clock) -> OscMotion:
        adapters.append(OscMotion(OscMotion.Config(host="0.0.0.0", port=0), emit, clock))
        return adapters[0]

    def synth(wires: Any, clock: Clock) -> OscOut:
        return OscOut(OscOutConfig(host=PHONE, port=port), wires, clock)

    service = make_service(clock, {SENSOR: phone}, {"synth": synth})
    return Take(service, adapters[0])


async def _perform(
    clock: Clock, take: Take, script: Sequence[Cue], senders: dict[str, socket.socket], seconds: float
) -> None:
    receiver = take.adapter.receiver
    async with asyncio.TaskGroup() as group:
        show = group.create_task(take.service.run(seconds))
        await _turns(lambda: receiver.port and _health(take)["state"] == "sending", "the service is up")
        start_ns = clock.now_ns()
        heart = group.create_task(_heartbeat(clock, start_ns, take.stalls))
        for at_s, together in groupby(script, key=lambda cue: cue.at_s):
            await clock.sleep_until(start_ns + round(at_s * NS))
            for cue in together:
                senders[cue.source].sendto(cue.data, (PHONE, receiver.port))
                take.sent += 1
            if isinstance(clock, VirtualClock):  # time stands still until the kernel has delivered
                await _turns(lambda: receiver.received == take.sent, "datagrams arrive")
        await show
        heart.cancel()


async def _heartbeat(clock: Clock, start_ns: int, stalls: list[tuple[float, int]]) -> None:
    while True:
        due_ns = clock.now_ns() + HEARTBEAT_NS
        await clock.sleep_until(due_ns)
        stalls.append(((due_ns - start_ns) / NS, clock.now_ns() - due_ns))


async def _turns(done: Callable[[], object], what: str) -> None:
    """Give the loop its turns until `done()`, without letting virtual time pass."""
    for _ in range(_PATIENCE):
        if done():
            return
        await asyncio.sleep(0)
    raise AssertionError(f"it never came about that {what}")


async def _numeric(host: str, port: int, **_: Any) -> list[tuple[Any, ...]]:
    """The answer of getaddrinfo for an IPv4 address."""
    return [(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_UDP, "", (host, port))]


def _health(take: Take) -> dict[str, Any]:
    bridge = take.service.bridges["synth"]
    assert isinstance(bridge, OscOut)
    return dict(bridge.health())


def _sent(take: Take) -> int:
    return int(_health(take)["sent"])


def _bound(source: str) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setblocking(False)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    sock.bind((source, 0))
    return sock


def _drain(sink: socket.socket, wire: list[bytes]) -> None:
    while True:
        try:
            wire.append(sink.recv(2048))
        except BlockingIOError:
            return
