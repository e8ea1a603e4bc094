"""A UDP socket on the running loop that turns datagrams from strangers into OSC messages, and counts what it refused.

It reads the socket itself instead of using a datagram transport: the kernel's receive time comes only with recvmsg, and
the number of datagrams read per wake-up can be bounded, so that a flood can't keep the tick waiting.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import socket
import struct
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial
from typing import Final

from choreo_adapters.osc.decode import MAX_BYTES, Message, OscError, decode
from choreo_adapters.osc.json_datagrams import decode_json
from choreo_adapters.osc.limits import RateLimiter, Verdict
from choreo_adapters.osc.ports import free_port
from choreo_service.clock import Clock, MonotonicClock, realtime_to_monotonic_ns
from choreo_service.errors import ITS_NAME, AdapterConfigError
from choreo_service.inherited import inherited_socket

PER_WAKE: Final = 64  # datagrams read before everything else on the loop gets its turn
RECEIVE_BUFFER: Final = 1 << 20  # bytes; a full kernel buffer drops the newest datagrams, the ones we need
OLDEST_NS: Final = 5_000_000_000  # a kernel stamp older than this means that the wall clock was set, not that we slept

OnMessage = Callable[[Message, str, int], None]  # message, source IP, receive time in ns
OnRejected = Callable[[str, str], None]  # cause, source IP


class OscReceiver:
    """Admits, decodes and hands on. `rejected` counts refused datagrams by cause; `accepted + rejected == received`.

    `allow` empty means everyone. Nothing a datagram holds makes `on_datagram` raise.
    """

    def __init__(
        self,
        on_message: OnMessage,
        on_rejected: OnRejected,
        clock: Clock,
        *,
        rate_hz: float,
        burst: int,
        allow: Iterable[str] = (),
    ) -> None:
        self._on_message = on_message
        self._on_rejected = on_rejected
        self._clock = clock
        self._limiter = RateLimiter(rate_hz, burst)
        self._allow = frozenset(allow)
        self._socket: socket.socket | None = None
        self._kernel_stamps = False
        self.received = 0
        self.accepted = 0
        self.rejected: Counter[str] = Counter()

    @property
    def port(self) -> int:
        """The port really bound, 0 while closed."""
        return int(self._socket.getsockname()[1]) if self._socket else 0

    def open(self, host: str, port: int) -> None:
        """Bind `host` (an IP address) and read on the running loop. AdapterConfigError when the port can't be had."""
        key = f"udp {host}:{port}"
        self._socket = inherited_socket(key, partial(_bound, host, port)) if port else _bound(host, port)
        # Simulated time can't be compared with the kernel's.
        self._kernel_stamps = isinstance(self._clock, MonotonicClock) and _ask_for_stamps(self._socket)
        asyncio.get_running_loop().add_reader(self._socket.fileno(), self._drain)

    def close(self) -> None:
        """Stop reading and give the port back. Idempotent."""
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket.fileno())
            self._socket.close()
            self._socket = None

    def on_datagram(self, data: bytes, addr: tuple[str, int], rx_ns: int) -> None:
        """One datagram from `addr`, received at `rx_ns`: hand its messages on, or count it once under its cause."""
        self.received += 1
        source = addr[0]
        if self._allow and source not in self._allow:
            self._refuse(_NOT_ALLOWED, source)
            return
        verdict = self._limiter.check(source, rx_ns)
        if verdict is not Verdict.PASS:
            self._refuse(verdict.value, source)
            return
        try:
            messages = decode_json(data) if data[:1] == b"{" else decode(data)
        except OscError as error:
            self._refuse(error.cause.value, source)
            return
        self.accepted += 1
        self._limiter.charge(source, max(0, len(messages) - 1))
        for message in messages:
            self._on_message(message, source, rx_ns)

    def _refuse(self, cause: str, source: str) -> None:
        self.rejected[cause] += 1
        self._on_rejected(cause, source)

    def _drain(self) -> None:
        # The loop's readers are level-triggered: what stays in the socket wakes us again after everyone else's turn.
        for _ in range(PER_WAKE):
            if self._socket is None:
                return
            try:
                data, ancillary, _flags, addr = self._socket.recvmsg(MAX_BYTES + 1, _ANCILLARY_BYTES)
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                # ICMP errors of earlier traffic surface here; a listening socket goes on.
                self._on_rejected(_SOCKET, "")
                return
            self.on_datagram(data, (_plain(addr[0]), addr[1]), self._receive_time(ancillary))

    def _receive_time(self, ancillary: list[tuple[int, int, bytes]]) -> int:
        now_ns = self._clock.now_ns()
        if not self._kernel_stamps:
            return now_ns
        for level, kind, payload in ancillary:
            if level == socket.SOL_SOCKET and kind == _SO_TIMESTAMPNS and len(payload) == _TIMESPEC.size:
                seconds, nanoseconds = _TIMESPEC.unpack(payload)
                rx_ns = realtime_to_monotonic_ns(seconds * 1_000_000_000 + nanoseconds)
                return rx_ns if 0 <= now_ns - rx_ns <= OLDEST_NS else now_ns
        return now_ns


_NOT_ALLOWED: Final = "source not allowed"
_SOCKET: Final = "socket error"
_SO_TIMESTAMPNS: Final = 35  # <asm-generic/socket.h>; the socket module does not name it
_TIMESPEC: Final = struct.Struct("@ll")
_ANCILLARY_BYTES: Final = 64  # room for one timespec and its header


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ipaddress.ip_address(host).version == 6 else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        sock.bind((host, port))
    except OSError as error:
        sock.close()
        raise _refused(host, port, error) from error
    return sock


def _refused(host: str, port: int, error: OSError) -> AdapterConfigError:
    where = f"can't listen for OSC on {host}:{port}"
    if error.errno == errno.EADDRNOTAVAIL:
        return AdapterConfigError(
            f"{where}: this machine has no address {host}",
            fix="use one of its own: choreo doctor lists them, or 127.0.0.1 for this machine only",
        )
    elsewhere = f"-o sensors.{ITS_NAME}.port={free_port(host, port)}"
    if error.errno == errno.EACCES:
        return AdapterConfigError(
            f"{where}: {error.strerror}",
            fix=f"ports below 1024 belong to the system; listen elsewhere: {elsewhere}",
        )
    return AdapterConfigError(
        f"{where}: {error.strerror or error}",
        fix="close the program that holds the port (a second choreo, SuperCollider, TouchOSC, Max, VRChat), "
        f"or listen elsewhere: {elsewhere}, and set the same port in the phone app",
    )


def _ask_for_stamps(sock: socket.socket) -> bool:
    if not sys.platform.startswith("linux"):
        return False
    try:
        sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
    except OSError:
        return False
    return True


def _plain(ip: str) -> str:
    """An IPv4 peer of a dual-stack socket under its own name, so that allow-lists and performers match it."""
    return ip.removeprefix("::ffff:")
