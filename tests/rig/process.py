"""One child process of a test: started, waited for, disturbed and ended by its process id."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Final, Self

STOP_S: Final = 5.0  # patience with SIGTERM before SIGKILL


class PeerError(RuntimeError):
    """A peer program didn't do what the rig needs of it; the text holds what it printed."""


def wait_until(condition: Callable[[], bool], what: str, timeout_s: float = 10.0, every_s: float = 0.02) -> None:
    """Poll `condition` until it is true; PeerError names `what` was waited for."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise PeerError(f"{what}: not within {timeout_s:g} s")
        time.sleep(every_s)


class Process:
    """A program whose output goes to a file, so that it can never block on an unread pipe.

    Subclasses set `argv` before `start()` and say in `is_ready()` when the program answers.
    """

    argv: Sequence[str]

    def __init__(self, argv: Sequence[str], env: Mapping[str, str] | None = None) -> None:
        self.argv = tuple(argv)
        self.env = dict(os.environ if env is None else env)
        self._child: subprocess.Popen[bytes] | None = None
        self._log: IO[bytes] | None = None
        self._last_words = ""

    def is_ready(self) -> bool:
        """Whether the program can be used. Called after it was started, until true."""
        return True

    def ask_to_end(self) -> None:
        """How the program is told to leave: SIGTERM, unless it has a politer way: a client that dies upsets JACK."""
        self._signal(signal.SIGTERM)

    def say(self, text: str) -> None:
        """Write to the program's standard input."""
        if self._child is not None and self._child.stdin is not None:
            self._child.stdin.write(text.encode())
            self._child.stdin.flush()

    def start(self, timeout_s: float = 10.0) -> Self:
        """Start the program and wait until it is ready; PeerError holds its output when it ends or stays silent."""
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed by _reap(), when its writer has ended
        self._child = subprocess.Popen(
            self.argv,
            env=self.env,
            stdin=subprocess.PIPE,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # a Ctrl-C at the terminal ends the tests, which then end their peers in order
        )
        try:
            wait_until(lambda: not self.alive or self.is_ready(), f"{self.name} ready", timeout_s)
            if not self.alive:
                raise PeerError(f"{self.name} ended at once with {self._child.returncode}")
        except PeerError as error:
            text = f"{error}\n{self.output()}"
            self.stop()
            raise PeerError(text) from error
        return self

    def stop(self) -> int | None:
        """Ask it to end, after STOP_S by SIGKILL. Returns the exit status, None if never started. Idempotent."""
        child = self._child
        if child is None:
            return None
        if child.poll() is None:
            self._signal(signal.SIGCONT)  # a paused process can't obey
            self.ask_to_end()
            try:
                child.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self._signal(signal.SIGKILL)
        return self._reap()

    def kill(self) -> None:
        """The way programs die on stage: SIGKILL, no farewell."""
        self._signal(signal.SIGKILL)
        self._reap()

    def pause(self) -> None:
        """SIGSTOP: alive, but silent, as a hung program is."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def interrupt(self) -> None:
        """SIGINT, what Ctrl-C sends."""
        self._signal(signal.SIGINT)

    @property
    def name(self) -> str:
        return Path(self.argv[0]).name

    @property
    def alive(self) -> bool:
        return self._child is not None and self._child.poll() is None

    @property
    def ended(self) -> bool:
        """Whether it was started and has come to an end that nobody here asked for."""
        return self._child is not None and self._log is not None and not self.alive

    @property
    def pid(self) -> int:
        if self._child is None:
            raise PeerError(f"{self.name} was never started")
        return self._child.pid

    def output(self) -> str:
        """Everything the program has printed since `start()`, also after its end."""
        if self._log is None:
            return self._last_words
        return os.pread(self._log.fileno(), 1 << 26, 0).decode("utf-8", "replace")

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _signal(self, number: signal.Signals) -> None:
        if self._child is not None and self._child.poll() is None:
            os.kill(self._child.pid, number)

    def _reap(self) -> int | None:
        if self._child is None:
            return None
        if self._child.stdin is not None:
            self._child.stdin.close()
        status = self._child.wait()
        if self._log is not None:
            self._last_words = self.output()
            self._log.close()
            self._log = None
        return status
