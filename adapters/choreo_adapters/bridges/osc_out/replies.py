"""What comes back on the sending socket: scsynth says `/fail` when it can't do what it was told."""

from __future__ import annotations

import socket
from typing import Final

from choreo_adapters.osc.decode import MAX_BYTES, OscError, decode

_MOST: Final = 64  # datagrams looked at in one go
_SHOWN: Final = 80  # characters of a stranger's words


def newest_complaint(opened: socket.socket) -> str:
    """The last `/fail` that waits in the socket, in words; "" where there is none. Everything else is dropped.

    Raises ConnectionRefusedError and OSError as `recv` does.
    """
    complaint = ""
    for _ in range(_MOST):
        try:
            data = opened.recv(MAX_BYTES + 1)
        except BlockingIOError:
            break
        complaint = _complaint(data) or complaint
    return complaint


def _complaint(data: bytes) -> str:
    try:
        messages = decode(data)
    except OscError:
        return ""
    failed = [message for message in messages if message.address == "/fail"]
    words = ": ".join(str(argument) for argument in failed[-1].args[:2]) if failed else ""
    return "".join(c if c.isprintable() else "?" for c in words)[:_SHOWN]
