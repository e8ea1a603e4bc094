"""Segments: the files of one stream, written one after the other, and what can be read of them after a fall."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from choreo_service.disk import Disk, DiskFile
from choreo_service.recorder.streams import END, Label, decode, encode, head, live_batch

SUFFIX: Final = ".arrows"
_MARK: Final = END[:4]  # every message begins with it
_MAX_META_BYTES: Final = 1 << 16


class StreamWriter:
    """Appends batches to the segments of one stream. Only whole batches stay: what a full disk tore is cut off, kept
    in memory and written again at the next `flush`."""

    def __init__(self, disk: Disk, folder: Path, stream: str) -> None:
        self._disk, self._folder, self.stream = disk, folder, stream
        self._file: DiskFile | None = None
        self._segment = 0
        self._size = 0  # of this segment, whole batches only
        self._waiting: list[bytes] = []
        self._batches = 0
        self._unsynced = False
        self.rows = 0
        self.bytes = 0  # in all segments

    def add(self, items: Sequence[Any], packets: int) -> None:
        """Make a batch of at least one item; `packets` as in Label. Touches no disk."""
        batch = live_batch(self.stream, items)
        label = Label(self._batches, self.rows, batch.num_rows, packets)
        self._waiting.append(encode(self.stream, batch, label))
        self._batches += 1
        self.rows += batch.num_rows

    def flush(self) -> None:
        """Write what waits; OSError when the disk refuses."""
        while self._waiting:
            if self._file is None:
                self._file = self._disk.create(self._folder / segment_name(self.stream, self._segment))
                self._size = 0
                self._waiting.insert(0, head(self.stream))
            self._append(self._waiting[0])
            self._waiting.pop(0)

    def sync(self) -> None:
        """What was flushed survives a power cut; OSError when the disk refuses."""
        if self._file is not None and self._unsynced:
            self._file.sync()
            self._unsynced = False

    def end_segment(self) -> None:
        """Close the file, whole and synced; the next batch begins another."""
        self.flush()
        if self._file is not None:
            self._append(END)
            self.sync()
            self._file.close()
            self._file = None
            self._segment += 1

    def abandon(self) -> None:
        """Close the file as it is."""
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.close()
            self._file = None

    def _append(self, data: bytes) -> None:
        assert self._file is not None  # noqa: S101  # both callers have looked
        try:
            self._file.write_at(data, self._size)
        except OSError:
            with contextlib.suppress(OSError):
                self._file.truncate(self._size)
            raise
        self._size += len(data)
        self.bytes += len(data)
        self._unsynced = True


def segment_name(stream: str, number: int) -> str:
    return f"{stream}-{number:05}{SUFFIX}"


def read_stream(folder: Path, stream: str) -> Iterator[tuple[Label, Any]]:
    """(label, batch) of every whole batch of a stream, in order; what is torn or damaged is passed over."""
    for path in sorted(folder.glob(f"{stream}-*{SUFFIX}")):
        yield from salvage(stream, path.read_bytes())


def salvage(stream: str, data: bytes) -> Iterator[tuple[Label, Any]]:
    """The same for the bytes of one segment. Damage costs the batch it is in: the next one is found by its mark."""
    view, at = memoryview(data), 0
    if data.startswith(head(stream)):
        at = len(head(stream))
    while (at := _next_mark(data, at)) >= 0:
        read = 8  # past this mark, when it is no batch's or the batch is damaged
        for length, label, batch in decode(stream, view[at:]):
            yield label, batch
            read = length
        at += read


def _next_mark(data: bytes, at: int) -> int:
    """Where, from `at` on, a message may begin; -1 for nowhere."""
    while (at := data.find(_MARK, at)) >= 0:
        length = int.from_bytes(data[at + 4 : at + 8], "little")
        if at % 8 == 0 and 0 < length <= min(_MAX_META_BYTES, len(data) - at):
            return at
        at += 1
    return -1
