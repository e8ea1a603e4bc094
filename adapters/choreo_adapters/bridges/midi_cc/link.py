"""The parent's end of the child process, and what is particular to MIDI: records are written without ever waiting."""

from __future__ import annotations

import asyncio
import os
import select
from collections.abc import Callable, Sequence
from typing import IO, Final, cast

from choreo_adapters.bridges.midi_cc.records import RECORD
from choreo_adapters.helper.reports import Report
from choreo_adapters.midi.port import MidiHelper
from choreo_service.clock import NS, Clock

FULL_NS: Final = NS
# What a pipe takes whole or not at all, in whole records: half a record would put all after it out of step. A tick's
# fit; of sixteen performers' anew, macOS takes a third at a time.
AT_ONCE: Final = getattr(select, "PIPE_BUF", 512) // RECORD.size * RECORD.size


class ChildLink(MidiHelper):
    """Use once: start, write and watch, close. What was written before close() is still played."""

    def __init__(self, argv: Sequence[str], on_report: Callable[[Report], None], clock: Clock) -> None:
        fix = "check the JACK or ALSA server it plays through"
        # Lasting: its port, and what is connected to it.
        super().__init__(argv, on_report, clock, name="MIDI", hang_fix=fix, lasting=True)
        self._stdin = -1
        self._full_ns: int | None = None  # since when the pipe has been full

    def write(self, records: bytes) -> bool:
        """True when the child will get the records; False when it is gone or too far behind: the last of very many may
        be missing then."""
        if self._stdin < 0 or self._ended:
            return False
        try:
            for begin in range(0, len(records), AT_ONCE):
                os.write(self._stdin, records[begin : begin + AT_ONCE])
        except BlockingIOError:
            self._full_ns = self._clock.now_ns() if self._full_ns is None else self._full_ns
            return False
        except OSError:  # the child closed its end; watch() learns why
            return False
        self._full_ns = None
        return True

    def _trouble(self) -> str:
        if self._full_ns is not None and self._clock.now_ns() - self._full_ns > FULL_NS:
            return "it takes no more messages"
        return super()._trouble()

    def _start(self, loop: asyncio.AbstractEventLoop) -> None:
        super()._start(loop)
        stdin = cast(IO[bytes], self._process and self._process.stdin).fileno()
        os.set_blocking(stdin, False)
        self._stdin = stdin

    def _finish(self) -> None:
        self._stdin = -1
        super()._finish()
