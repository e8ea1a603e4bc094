"""The parent's end of a helper process: start it, hear its reports, notice when it hangs, end it."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import IO, Final, cast

from choreo_adapters.helper.reports import Report, from_line
from choreo_service.clock import NS, Clock
from choreo_service.errors import AdapterLost
from choreo_service.inherited import Left, drop_helper, inherited_helper, keep_helper

PIPE_BYTES: Final = 4096  # a pipe that holds more only makes what a stalled end says older
CHECK_NS: Final = NS // 4
START_NS: Final = 10 * NS  # until the first report: a cold start from a slow disk
SILENT_BEATS: Final = 4  # heartbeats that may be missing
END_S: Final = 0.8  # drivers take their time to close, and the end of a show has one second for every adapter


class AdoptedProcess:
    """A helper that another engine started and left: as much of `subprocess.Popen` as can be said of a process that is
    nobody's child here. While its stdout hasn't ended it lives, and its id is its own."""

    def __init__(self, left: Left) -> None:
        stdin, stdout = left.fds
        self.pid = left.pid
        self.stdin, self.stdout = os.fdopen(stdin, "wb", 0), os.fdopen(stdout, "rb", 0)

    def poll(self) -> None:
        """Only its parent learns its code."""

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    def wait(self, timeout: float | None = None) -> None:
        """Nothing: whoever reads its stdout sees its end."""


class HelperProcess:
    """One helper process and the pipes to it. Use once: start, watch, close. It ends when its stdin does."""

    def __init__(
        self,
        argv: Sequence[str],
        on_report: Callable[[Report], None],
        clock: Clock,
        *,
        name: str,
        heartbeat_s: float,
        hang_fix: str,
        environment: Mapping[str, str] | None = None,
        lasting: bool = False,
    ) -> None:
        """`on_report` gets each report, on the event loop and before watch() raises. `name` and `hang_fix` are for the
        user; the helper reports at least every `heartbeat_s`; `environment` is added to our own. One that is
        `lasting` outlives us where another engine takes over from ours, which finds it by its `argv`; it must tell all
        that matters again and again."""
        self._argv = argv
        self._on_report = on_report
        self._clock = clock
        self._name = name
        self._hang_fix = hang_fix
        self._silent_ns = round(SILENT_BEATS * heartbeat_s * NS)
        self._environment = dict(environment or {})
        self._key = f"helper {' '.join(argv)}" if lasting else ""
        self._process: subprocess.Popen[bytes] | AdoptedProcess | None = None
        self._reader: threading.Thread | None = None
        self._ended = self._hung = self._heard = False
        self._heard_ns = clock.now_ns()

    async def start(self) -> None:
        """In a thread, half a millisecond: uvloop's own way stops the loop for a fork, 18 ms with 400 MB in use."""
        starting = asyncio.get_running_loop().run_in_executor(None, self._start, asyncio.get_running_loop())
        try:
            await asyncio.shield(starting)
        except asyncio.CancelledError:
            await starting  # close() must find the process that is being born
            raise

    async def watch(self) -> None:
        """Raise AdapterLost when the helper fails. Looks twice: a stall of our own isn't the helper's silence."""
        trouble = ""
        while True:
            await self._clock.sleep_until(self._clock.now_ns() + CHECK_NS)
            if self._ended:
                code = self._process and self._process.poll()
                raise AdapterLost(f"the {self._name} process ended by itself (code {code})")
            before, trouble = trouble, self._trouble()
            if before and trouble:
                self._hung = True
                raise AdapterLost(f"the {self._name} process hangs: {trouble}", fix=self._hang_fix)

    async def close(self) -> None:
        """End the helper, within END_S and without blocking the loop."""
        await asyncio.to_thread(self._finish)

    def _trouble(self) -> str:
        """What is wrong at this moment, "" while nothing is."""
        silent_ns = self._clock.now_ns() - self._heard_ns
        return "no sign of life" if silent_ns > (self._silent_ns if self._heard else START_NS) else ""

    def _start(self, loop: asyncio.AbstractEventLoop) -> None:
        left = inherited_helper(self._key)
        process = self._process = self._born() if left is None else AdoptedProcess(left)
        stdin, stdout = cast(IO[bytes], process.stdin), cast(IO[bytes], process.stdout)
        if self._key and left is None:
            keep_helper(self._key, (stdin.fileno(), stdout.fileno()), process.pid)
        self._heard_ns = self._clock.now_ns()
        self._reader = threading.Thread(
            target=self._listen, args=(stdout, loop), name=f"choreo-{self._name}-reports", daemon=True
        )
        self._reader.start()

    def _born(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603 - our own interpreter and module
            self._argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # drivers chatter there; what matters is reported
            bufsize=0,
            pipesize=PIPE_BYTES,
            env={**os.environ, **self._environment},
        )

    def _listen(self, stdout: IO[bytes], loop: asyncio.AbstractEventLoop) -> None:
        """In a thread, as not every loop can watch a pipe. The time is noted here, not later on a busy loop."""
        with suppress(RuntimeError, OSError):  # the loop was closed before us
            for line in stdout:
                self._heard_ns, self._heard = self._clock.now_ns(), True
                with suppress(ValueError):
                    loop.call_soon_threadsafe(self._on_report, from_line(line))
            loop.call_soon_threadsafe(self._note_end)  # behind the last report, so that it is heard first

    def _note_end(self) -> None:
        self._ended = True

    def _finish(self) -> None:
        process = self._process
        if process is None:
            return
        cast(IO[bytes], process.stdin).close()
        if self._key:
            drop_helper(self._key)
        if self._hung:
            process.kill()
        if self._reader is not None:
            self._reader.join(END_S)  # its stdout ends with it
            if self._reader.is_alive():
                process.kill()
            self._reader.join()
        try:
            process.wait(END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        cast(IO[bytes], process.stdout).close()
