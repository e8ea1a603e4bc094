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
from collections.abc import Callable, Generator, Iterable
from contextlib import suppress
from functools import partial
from typing import Final

from choreo_adapters.osc.decode import MAX_BYTES, Message, OscError, decode
from choreo_adapters.osc.json_datagrams import decode_json
from choreo_adapters.osc.limits import RateLimiter, Verdict
from choreo_adapters.osc.ports import free_port
from choreo_service.clock import NS, Clock, MonotonicClock, realtime_to_monotonic_ns
from choreo_service.errors import ITS_NAME, AdapterConfigError
from choreo_service.inherited import inherited_socket, is_shared

PER_WAKE: Final = 64  # datagrams read before everything else on the loop gets its turn
FLOODED_S: Final = 0.002  # between two looks while somebody is sending too fast
RECEIVE_BUFFER: Final = 1 << 20  # bytes; a full kernel buffer drops the newest datagrams, the ones we need
OLDEST_NS: Final = 5_000_000_000  # a kernel stamp older than this means that the wall clock was set, not that we slept

Datagram = tuple[bytes, str, int]  # what it holds, source IP, receive time in ns
OnMessage = Callable[[Message, str, int], None]  # message, source IP, receive time in ns
OnRejected = Callable[[str, str, int], None]  # cause, source IP, how many


class OscReceiver:
    """Admits, decodes and hands on. `rejected` counts refused datagrams by cause; `accepted + rejected == received`.

    `allow` empty means everyone. Nothing a datagram holds makes `hear` raise.
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
        self._leaves = False  # whether a datagram stays in the socket until it was handed on
        self.behind = False  # whether the last turn ended at its bound, so that datagrams may wait unread
        self._flooded = False  # whether somebody sent too fast in the last turn
        self._next_look: asyncio.TimerHandle | None = None  # under a flood; else the next datagram wakes us
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
        # Who is killed while he reads one must not take it along: his successor reads it from the same socket. Killed
        # right after that, he leaves one to be heard twice.
        self._leaves = bool(port) and is_shared()
        asyncio.get_running_loop().add_reader(self._socket.fileno(), self._drain)

    def close(self) -> None:
        """Stop reading and give the port back. Idempotent."""
        if self._next_look is not None:
            self._next_look.cancel()
            self._next_look = None
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket.fileno())
            self._socket.close()
            self._socket, self.behind = None, False

    def hear(self, datagrams: Iterable[Datagram]) -> None:
        """Hand the messages of `datagrams` on, the turn of one wake-up; what is refused is counted, and told once for
        all that have cause and source in common: a flood is refused by the thousand."""
        refused: Counter[tuple[str, str]] = Counter()
        try:
            for data, source, rx_ns in datagrams:
                if cause := self._take(data, source, rx_ns):
                    refused[cause, source] += 1
        finally:  # whatever a listener raises, these are counted
            self._flooded = any(cause == Verdict.RATE for cause, _ in refused)
            for (cause, source), count in refused.items():
                self._refuse(cause, source, count)

    def _take(self, data: bytes, source: str, rx_ns: int) -> str:
        """The cause for which the datagram is refused, "" when its messages were handed on."""
        self.received += 1
        if self._allow and source not in self._allow:
            return _NOT_ALLOWED
        verdict = self._limiter.check(source, rx_ns)
        if verdict is not Verdict.PASS:
            return verdict
        try:
            messages = decode_json(data) if data[:1] == b"{" else decode(data)
        except OscError as error:
            return error.cause
        self.accepted += 1
        if len(messages) > 1:
            self._limiter.charge(source, len(messages) - 1)
        for message in messages:
            self._on_message(message, source, rx_ns)
        return ""

    def _refuse(self, cause: str, source: str, count: int) -> None:
        name = str(cause)  # of an enum's member too
        self.rejected[name] += count
        self._on_rejected(name, source, count)

    def _drain(self) -> None:
        # The loop's readers are level-triggered: what stays in the socket wakes us again after everyone else's turn.
        self.behind = False
        datagrams = self._read()
        try:
            self.hear(datagrams)
        finally:  # whatever a listener raises, the next datagrams are heard
            datagrams.close()
            self._await_more(flooded=self._flooded and not self.behind)

    def _read(self) -> Generator[Datagram, None, None]:
        """Up to PER_WAKE datagrams; close it, also when the last one was not heard to its end."""
        # Once for all of them: for each it would take as long as to refuse it.
        now_ns, ahead_ns = self._clock.now_ns(), realtime_to_monotonic_ns(0) if self._kernel_stamps else 0
        how = socket.MSG_PEEK if self._leaves else 0
        for _ in range(PER_WAKE):
            if self._socket is None:
                return
            try:
                data, ancillary, _flags, addr = self._socket.recvmsg(MAX_BYTES + 1, _ANCILLARY_BYTES, how)
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                # ICMP errors of earlier traffic surface here; a listening socket goes on.
                self._on_rejected(_SOCKET, "", 1)
                return
            try:
                yield data, _plain(addr[0]), self._receive_time(ancillary, now_ns, ahead_ns)
            finally:
                if self._leaves:
                    self._drop_first()
        self.behind = True

    def _drop_first(self) -> None:
        """Take the datagram that was looked at out of the socket."""
        if self._socket is not None:
            with suppress(OSError):  # of earlier traffic, as above
                self._socket.recv(1)

    def _await_more(self, *, flooded: bool) -> None:
        """Under a flood look again soon, not at each datagram: to wake up costs more than to refuse one. The kernel
        keeps what comes meanwhile, and notes when it came."""
        loop = asyncio.get_running_loop()
        if self._socket is None:
            return
        if flooded:
            if self._next_look is None:
                loop.remove_reader(self._socket.fileno())
            self._next_look = loop.call_later(FLOODED_S, self._drain)
        elif self._next_look is not None:
            self._next_look = None
            loop.add_reader(self._socket.fileno(), self._drain)

    def _receive_time(self, ancillary: list[tuple[int, int, bytes]], now_ns: int, ahead_ns: int) -> int:
        """`now_ns` may be a little while ago; `ahead_ns` is our clock less the one of the kernel's stamps."""
        if not self._kernel_stamps:
            return self._clock.now_ns()
        for level, kind, payload in ancillary:
            if level == socket.SOL_SOCKET and kind == _SO_TIMESTAMPNS and len(payload) == _TIMESPEC.size:
                seconds, nanoseconds = _TIMESPEC.unpack(payload)
                rx_ns: int = seconds * NS + nanoseconds + ahead_ns
                if rx_ns > now_ns:  # it came meanwhile
                    now_ns = self._clock.now_ns()
                return rx_ns if 0 <= now_ns - rx_ns <= OLDEST_NS else now_ns
        return self._clock.now_ns()


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
