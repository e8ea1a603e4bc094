"""What an engine and its watcher say to each other: short messages over a socket pair, with descriptors attached."""

from __future__ import annotations

import array
import json
import os
import socket
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

VARIABLE: Final = "CHOREO_STANDBY"  # "FD FD first" or "FD FD spare": an engine's channel, and the mirror's memory
MOST_FDS: Final = 128  # in one message
_READ: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class Message:
    """`what` with its facts (JSON types), and descriptors that now belong to the receiver."""

    what: str
    facts: dict[str, Any] = field(default_factory=dict)
    fds: tuple[int, ...] = ()


class Channel:
    """One end; neither sending nor receiving ever waits."""

    def __init__(self, end: socket.socket) -> None:
        self._socket = end
        end.setblocking(False)
        self._bytes = bytearray()
        self._fds: deque[int] = deque()

    def fileno(self) -> int:
        return self._socket.fileno()

    def send(self, what: str, fds: Sequence[int] = (), **facts: Any) -> bool:
        """False when the other end is gone or takes nothing more."""
        line = json.dumps({"what": what, "fds": len(fds), **facts}).encode() + b"\n"
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        try:
            return self._socket.sendmsg([line], rights) == len(line)
        except OSError:
            return False

    def receive(self) -> list[Message]:
        """What has arrived; EOFError when the other end is gone and everything it said has been heard."""
        ended = self._read()
        *lines, rest = self._bytes.split(b"\n")
        self._bytes = bytearray(rest)
        if ended and not lines:
            raise EOFError
        return [self._message(line) for line in lines]

    def close(self) -> None:
        self._socket.close()

    def _read(self) -> bool:
        while True:
            try:
                data, rights, _, _ = self._socket.recvmsg(_READ, socket.CMSG_SPACE(MOST_FDS * 4))
            except BlockingIOError:
                return False
            except OSError:
                return True
            for level, kind, packed in rights:
                if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                    fds = array.array("i")
                    fds.frombytes(packed[: len(packed) - len(packed) % fds.itemsize])
                    for fd in fds:
                        os.set_inheritable(fd, False)
                    self._fds.extend(fds)
            if not data:
                return True
            self._bytes += data

    def _message(self, line: bytes | bytearray) -> Message:
        facts = json.loads(line)
        return Message(facts.pop("what"), facts, tuple(self._fds.popleft() for _ in range(facts.pop("fds"))))
