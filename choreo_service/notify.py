"""Tells systemd that the show is ready, alive and ending (sd_notify: one datagram to $NOTIFY_SOCKET).

The watchdog is fed by the tick, so a service that runs but doesn't play is restarted too.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

_PINGS_PER_TIMEOUT: Final = 4  # so that one lost ping is not a restart
_US: Final = 1_000


class Notifier:
    """Without systemd every call does nothing."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._socket = _connected(environ.get("NOTIFY_SOCKET", ""))
        self._every_ns = _watchdog_ns(environ) // _PINGS_PER_TIMEOUT
        self._next_ns = 0

    def ready(self) -> None:
        """Everything is loaded and warmed up; the first tick is due."""
        self._send("READY=1")

    def stopping(self) -> None:
        self._send("STOPPING=1")

    def alive(self, now_ns: int) -> None:
        """The show plays: a ping, now and then."""
        if self._every_ns and now_ns >= self._next_ns:
            self._next_ns = now_ns + self._every_ns
            self._send("WATCHDOG=1")

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _send(self, message: str) -> None:
        if self._socket is not None:
            with suppress(OSError):  # systemd is busy or gone: no reason to stop playing
                self._socket.send(message.encode())


def _connected(address: str) -> socket.socket | None:
    """A non-blocking socket to systemd; None where there is none."""
    if not address or not hasattr(socket, "AF_UNIX"):
        return None
    out = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    out.setblocking(False)
    try:
        out.connect("\0" + address[1:] if address.startswith("@") else address)
    except OSError:
        out.close()
        return None
    return out


def _watchdog_ns(environ: Mapping[str, str]) -> int:
    """How long systemd waits for a ping; 0 where it doesn't."""
    text = environ.get("WATCHDOG_USEC", "")
    return int(text) * _US if text.isdecimal() else 0
