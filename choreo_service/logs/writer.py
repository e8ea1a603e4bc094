"""Lines go through a bounded queue to a thread: a terminal, pipe or disk that takes none must not stop the loop."""

from __future__ import annotations

import io
import math
import os
import queue
import threading
from contextlib import suppress
from typing import Final, TextIO

_QUEUE_LINES: Final = 1000
_CLOSE_S: Final = 1.0


class QueuedWriter:
    """A `write`-able that never blocks its caller. What does not fit into its queue, or into `limit` bytes in all, is
    dropped and counted."""

    def __init__(self, stream: TextIO, limit: float = math.inf) -> None:
        self._stream, self._left = stream, limit
        self._lines: queue.Queue[str | None] = queue.Queue(_QUEUE_LINES)
        self.dropped = 0
        self._closing = False
        self._thread = threading.Thread(target=self._drain, name="log-writer", daemon=True)
        self._thread.start()

    def write(self, line: str) -> None:
        try:
            self._lines.put_nowait(line)
        except queue.Full:
            self.dropped += 1

    @property
    def alive(self) -> bool:
        """Whether lines are still being written, as after a close() that didn't wait any longer."""
        return self._thread.is_alive()

    def flush(self) -> None:
        """Lines leave in order; there is nothing to force."""

    def close(self) -> None:
        """Write what is queued, for at most a second: a reader that is gone must not keep the process."""
        self._closing = True
        with suppress(queue.Full):
            self._lines.put_nowait(None)  # wakes a thread that waits for a line
        self._thread.join(_CLOSE_S)

    def _drain(self) -> None:
        while not (self._closing and self._lines.empty()):
            if (line := self._lines.get()) is None:
                continue
            self._left -= len(line)
            try:
                if self._left < 0:
                    self.dropped += 1
                else:
                    self._put(line)
            except (OSError, ValueError):
                self.dropped += 1

    def _put(self, line: str) -> None:
        # Not through the stream where it can be helped: a thread stuck with its lock makes Python abort at exit.
        try:
            fd = self._stream.fileno()
        except io.UnsupportedOperation:
            self._stream.write(line)
            return
        data = line.encode(self._stream.encoding or "utf-8", "replace")
        while data:
            data = data[os.write(fd, data) :]
