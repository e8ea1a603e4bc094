"""One engine as its watcher sees it: a process, a channel to it, and how far it has come."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from choreo_service.standby.channel import VARIABLE, Channel

LEAVE_S: Final = 2.0  # for a process whose channel has ended


class EngineProcess:
    """Started by being made. `warm`, `playing` and `ending` are the watcher's to note."""

    def __init__(self, argv: Sequence[str], memory: int, now_ns: int, *, first: bool) -> None:
        ours, theirs = socket.socketpair()
        place = f"{theirs.fileno()} {memory} {'first' if first else 'spare'}"
        environ = {**os.environ, VARIABLE: place}
        environ.pop("NOTIFY_SOCKET", None)  # systemd hears the watcher
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - ourselves
                argv, pass_fds=(theirs.fileno(), memory), env=environ
            )
        self.channel = Channel(ours)
        self.first, self.began_ns = first, now_ns
        self.warm = self.playing = self.ending = False

    @property
    def pid(self) -> int:
        return self._process.pid

    def kill(self) -> int:
        """SIGKILL, which an engine that is gone already doesn't notice; its exit status, negative for a signal."""
        self._process.kill()
        return self._process.wait()

    def end(self) -> int:
        """Wait for one whose channel has ended, which happens as it leaves."""
        try:
            return self._process.wait(LEAVE_S)
        except subprocess.TimeoutExpired:
            return self.kill()


def in_words(status: int) -> str:
    """An exit status as `wait` gives it, for people."""
    if status >= 0:
        return f"ended with exit code {status}"
    with suppress(ValueError):
        return f"killed by {signal.Signals(-status).name}"
    return f"killed by signal {-status}"
