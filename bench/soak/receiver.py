"""A receiver of the service's output whose stamps are the kernel's: how busy this process is doesn't show."""

from __future__ import annotations

import socket
import struct
import threading
from array import array
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

_SO_TIMESTAMPNS: Final = 35  # <asm-generic/socket.h>; the socket module doesn't name it
_TIMESPEC: Final = struct.Struct("@ll")
_STOP: Final = b""


@dataclass
class Arrivals:
    """When datagrams came in, CLOCK_REALTIME in ns."""

    port: int
    stamps_ns: array[int] = field(default_factory=lambda: array("q"))

    def between(self, begin_ns: int, end_ns: int) -> NDArray[np.int64]:
        stamps = np.array(self.stamps_ns, dtype=np.int64)
        return stamps[(stamps >= begin_ns) & (stamps <= end_ns)]


@dataclass(frozen=True)
class Cadence:
    """How evenly datagrams came in, ms."""

    count: int
    mean: float
    sd: float
    longest: float

    @classmethod
    def of(cls, stamps_ns: Sequence[int] | NDArray[np.int64]) -> Cadence:
        """ValueError when there is no interval to tell anything from."""
        steps = np.diff(np.asarray(stamps_ns, dtype=np.int64)) / 1e6
        if not len(steps):
            raise ValueError("fewer than two datagrams came in: is the service sending?")
        return cls(len(steps), float(steps.mean()), float(steps.std()), float(steps.max()))


@contextmanager
def receiving() -> Iterator[Arrivals]:
    """Receive on a port of the system's choice until the block ends. Linux only."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        sock.bind(("127.0.0.1", 0))
        arrivals = Arrivals(sock.getsockname()[1])
        thread = threading.Thread(target=_receive, args=(sock, arrivals.stamps_ns), daemon=True)
        thread.start()
        try:
            yield arrivals
        finally:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stop:
                stop.sendto(_STOP, ("127.0.0.1", arrivals.port))
            thread.join()


def _receive(sock: socket.socket, stamps_ns: array[int]) -> None:
    while True:
        data, ancillary, _, _ = sock.recvmsg(4096, 64)
        if data == _STOP:
            return
        seconds, nanoseconds = _TIMESPEC.unpack(ancillary[0][2])
        stamps_ns.append(seconds * 1_000_000_000 + nanoseconds)
