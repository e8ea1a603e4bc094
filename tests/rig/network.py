"""A network of our own, whose interface comes and goes: what is sent to whoever is behind it is read from it.

Programs started inside `own_network()` live in it, and so does everything the test opens there itself. It has a
loopback and no route to anywhere else. Making one needs root and /dev/net/tun; `refusal` says what is missing.
"""

from __future__ import annotations

import ctypes
import fcntl
import functools
import os
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Self

from pythonosc.osc_message import OscMessage

_CLONE_NEWNET: Final = 0x40000000  # linux/sched.h
_SIOCSIFFLAGS, _SIOCSIFADDR, _SIOCSIFNETMASK = 0x8914, 0x8916, 0x891C  # linux/sockios.h
_TUNSETIFF: Final = 0x400454CA  # linux/if_tun.h
_TUN_WITHOUT_HEAD: Final = 0x0001 | 0x1000  # IFF_TUN | IFF_NO_PI: reading gives an IP packet and nothing else
_UP: Final = 0x1  # IFF_UP
_HERE: Final = Path("/proc/thread-self/ns/net")
_TUN: Final = Path("/dev/net/tun")
_UDP: Final = 17
_UDP_HEAD: Final = 8


@contextmanager
def own_network() -> Iterator[None]:
    """A network namespace for this thread and whatever it starts meanwhile; OSError where that may not be."""
    before = os.open(_HERE, os.O_RDONLY)
    try:
        _libc("unshare", _CLONE_NEWNET)
        try:
            _set_flags("lo", _UP)
            yield
        finally:
            _libc("setns", before, _CLONE_NEWNET)
    finally:
        os.close(before)


class Cable:
    """An interface with an address of ours. Whoever listens at the other end hears the OSC sent to any address and
    port beyond it: messages of one number, no bundles."""

    def __init__(self, name: str = "cable") -> None:
        self._name = name
        self._end = -1
        self._heard: list[tuple[float, str, float]] = []
        self._reader: threading.Thread | None = None

    def plug_in(self, address: str, mask: str = "255.255.255.0") -> None:
        """The interface appears, up, with this address and the route that comes with it."""
        self._end = os.open(_TUN, os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(self._end, _TUNSETIFF, struct.pack("16sH22x", self._name.encode(), _TUN_WITHOUT_HEAD))
        _set_address(_SIOCSIFADDR, self._name, address)
        _set_address(_SIOCSIFNETMASK, self._name, mask)
        self.up()
        self._reader = threading.Thread(target=self._listen, args=(self._end,), name="rig-cable")
        self._reader.start()

    def up(self) -> None:
        _set_flags(self._name, _UP)

    def down(self) -> None:
        """The interface stays, with its address; its route goes."""
        _set_flags(self._name, 0)

    def pull(self) -> None:
        """The interface is gone, and its address with it. Idempotent."""
        end, self._end = self._end, -1
        if self._reader is not None:
            self._reader.join()
            self._reader = None
            os.close(end)

    def heard_since(self, begun_s: float) -> dict[str, float]:
        """Address -> the newest value that came after `begun_s` of CLOCK_MONOTONIC."""
        return {address: value for at_s, address, value in list(self._heard) if at_s >= begun_s}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.pull()

    def _listen(self, end: int) -> None:
        while self._end == end:
            try:
                packet = os.read(end, 65536)
            except OSError:  # nothing there, or the interface is down
                time.sleep(0.005)
                continue
            head = 4 * (packet[0] & 0xF)
            if packet[0] >> 4 == 4 and packet[9] == _UDP:  # the kernel itself says things in IPv6
                message = OscMessage(packet[head + _UDP_HEAD :])
                self._heard.append((time.monotonic(), message.address, float(message.params[0])))


@functools.cache
def refusal() -> str:
    """Why this machine gives us no network of our own, "" where it does. Tried, as containers differ."""
    if sys.platform != "linux":
        return "networks of one's own are made on Linux alone"
    try:
        with own_network(), Cable() as cable:
            cable.plug_in("198.51.100.1")
    except OSError as error:
        return f"no network of our own (root, {_TUN}): {error}"
    return ""


def _libc(name: str, *arguments: int) -> None:
    call: Callable[..., int] = getattr(ctypes.CDLL(None, use_errno=True), name)
    if call(*arguments):
        raise OSError(ctypes.get_errno(), f"{name}: {os.strerror(ctypes.get_errno())}")


def _set_flags(interface: str, flags: int) -> None:
    _ask(_SIOCSIFFLAGS, struct.pack("16sH22x", interface.encode(), flags))


def _set_address(request: int, interface: str, address: str) -> None:
    _ask(request, struct.pack("16sHH4s16x", interface.encode(), socket.AF_INET, 0, socket.inet_aton(address)))


def _ask(request: int, what: bytes) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
        fcntl.ioctl(asker, request, what)
