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
_MARK_BYTES: Final = 8  # with the length that stands after it
_MAX_META_BYTES: Final = 1 << 16


class StreamWriter:
    """Appends batches to the segments of one stream. Only whole batches stay: what a full disk tore is cut off, kept
    in memory and written again at the next `flush`. `sync` may run in a thread of its own, beside all but `abandon`."""

    def __init__(self, disk: Disk, folder: Path, stream: str) -> None:
        self._disk, self._folder, self.stream = disk, folder, stream
        self._open: list[_Segment] = []  # the one being written last
        self._number = 0  # of the segment
        self._waiting: list[bytes] = []
        self._batches = 0
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
            segment = self._written_to() or self._begin()
            self._append(segment, self._waiting[0])
            self._waiting.pop(0)

    def sync(self) -> None:
        """What was flushed before survives a power cut, and segments that were ended are closed; OSError when the disk
        refuses."""
        for segment in list(self._open):
            if segment.sync():
                segment.file.close()
                self._open.remove(segment)

    def end_segment(self) -> None:
        """End the file whole; the next batch begins another."""
        self.flush()
        if (segment := self._written_to()) is not None:
            self._append(segment, END)
            segment.ended = True
            self._number += 1

    def abandon(self) -> None:
        """Close the files as they are."""
        for segment in self._open:
            with contextlib.suppress(OSError):
                segment.file.close()
        self._open.clear()

    def _written_to(self) -> _Segment | None:
        return next((segment for segment in list(self._open) if not segment.ended), None)

    def _begin(self) -> _Segment:
        segment = _Segment(self._disk.create(self._folder / segment_name(self.stream, self._number)))
        self._open.append(segment)
        self._waiting.insert(0, head(self.stream))
        return segment

    def _append(self, segment: _Segment, data: bytes) -> None:
        segment.append(data)
        self.bytes += len(data)


class _Segment:
    """A file that one thread writes and another one syncs."""

    def __init__(self, file: DiskFile) -> None:
        self.file = file
        self.ended = False  # whole: nothing more will be written
        self._size = 0  # whole batches only
        self._unsynced = False

    def append(self, data: bytes) -> None:
        try:
            self.file.write_at(data, self._size)
        except OSError:
            with contextlib.suppress(OSError):
                self.file.truncate(self._size)
            raise
        self._size += len(data)
        self._unsynced = True

    def sync(self) -> bool:
        """Whether it is whole and safe."""
        ended = self.ended  # before the sync, as the mark below: what is written meanwhile is for the next one
        if self._unsynced:
            self._unsynced = False
            try:
                self.file.sync()
            except OSError:
                self._unsynced = True
                raise
        return ended


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
        begin = end = at  # of the last batch that is whole
        for length, label, batch in decode(stream, view[at:]):
            yield label, batch
            begin, end = end, at + length
        # A whole batch with a flipped bit may seem longer than it is: at its true end there is a mark, or nothing.
        follows = end > begin and (end == len(data) or data.startswith(_MARK, end))
        at = end if follows else begin + _MARK_BYTES


def _next_mark(data: bytes, at: int) -> int:
    """Where, from `at` on, a message may begin; -1 for nowhere."""
    while (at := data.find(_MARK, at)) >= 0:
        length = int.from_bytes(data[at + 4 : at + 8], "little")
        if at % 8 == 0 and 0 < length <= min(_MAX_META_BYTES, len(data) - at):
            return at
        at += 1
    return -1
