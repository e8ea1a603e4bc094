"""Memory that the playing engine and its watcher share: a heartbeat, the engine's state as of its last tick, and what
has come in since.

Layout, little-endian: 8 bytes heartbeat; two slots of one state each; the notes since the newest state. A slot and a
note are a sequence number, a length, a CRC-32 and bytes; a note has the number of the state it follows. The writer
fills the slot that isn't the newest, so it never waits, and what it was writing when it died has a wrong CRC: the
reader then takes the other slot, one tick older, and the notes that follow that one.
"""

from __future__ import annotations

import mmap
import os
import struct
import tempfile
import zlib
from collections.abc import Iterable, Iterator
from typing import Final

SLOT_BYTES: Final = 8 << 20  # of address space; memory is used as far as it is written
NOTES_BYTES: Final = 4 << 20
_BEAT: Final = struct.Struct("<Q")
_HEAD: Final = struct.Struct("<QII")  # sequence number, length, CRC-32 of both and the bytes
_FIRST: Final = 64
_NOTES: Final = _FIRST + 2 * SLOT_BYTES
_SIZE: Final = _NOTES + NOTES_BYTES


def make_memory() -> int:
    """A file descriptor of fresh shared memory, all zero, for `Mirror`. The caller closes it."""
    if hasattr(os, "memfd_create"):
        handle = os.memfd_create("choreo-standby")
    else:  # macOS
        with tempfile.TemporaryFile() as file:
            handle = os.dup(file.fileno())
    os.ftruncate(handle, _SIZE)
    return handle


class Mirror:
    """One process's view of the memory. One engine writes at a time; its successor reads before it writes."""

    def __init__(self, memory: int) -> None:
        """Maps `memory`, a descriptor of `make_memory`, which may be closed afterwards."""
        self._map = mmap.mmap(memory, _SIZE)
        self._sequence = 0
        self._end = _NOTES  # of the notes

    def beat(self) -> None:
        """The writer is alive."""
        _BEAT.pack_into(self._map, 0, (self.beats + 1) & ((1 << 64) - 1))

    @property
    def beats(self) -> int:
        """Changes with every beat."""
        return int(_BEAT.unpack_from(self._map, 0)[0])

    def write(self, state: bytes, notes: Iterable[bytes] = ()) -> bool:
        """Replace the older state and begin anew with `notes`; False where it is too large to be kept."""
        if not self._put(_slot(self._sequence + 1), _slot(self._sequence + 1) + SLOT_BYTES, self._sequence + 1, state):
            return False
        self._sequence += 1
        self._end = _NOTES
        for note in notes:
            self.note(note)
        return True

    def note(self, note: bytes) -> bool:
        """Keep what has happened since the newest state; False where there is no room."""
        kept = self._put(self._end, _SIZE, self._sequence, note)
        self._end += (_HEAD.size + len(note)) * kept
        return kept

    def read(self) -> tuple[bytes, list[bytes]] | None:
        """The newest whole state and the notes that follow it, None where there is none. What is written from now on
        follows them."""
        found = [slot for slot in (self._get(_slot(0)), self._get(_slot(1))) if slot is not None and slot[0]]
        if not found:
            return None
        self._sequence, state = max(found)
        notes = list(self._notes())
        self._end = _NOTES + sum(_HEAD.size + len(note) for note in notes)
        return state, notes

    def close(self) -> None:
        self._map.close()

    def _notes(self) -> Iterator[bytes]:
        """Those of the newest whole state."""
        at = _NOTES
        while (found := self._get(at)) is not None and found[0] == self._sequence:
            yield found[1]
            at += _HEAD.size + len(found[1])

    def _put(self, at: int, end: int, sequence: int, data: bytes) -> bool:
        """The bytes, then their head, at `at` and not beyond `end`."""
        begin = at + _HEAD.size
        if begin + len(data) > end:
            return False
        self._map[begin : begin + len(data)] = data
        _HEAD.pack_into(self._map, at, sequence, len(data), _crc32(sequence, data))
        return True

    def _get(self, at: int) -> tuple[int, bytes] | None:
        """(sequence number, bytes) of what stands at `at`, None where it isn't whole."""
        if at + _HEAD.size > _SIZE:
            return None
        sequence, length, crc = _HEAD.unpack_from(self._map, at)
        data = self._map[at + _HEAD.size : at + _HEAD.size + length]
        return (sequence, data) if len(data) == length and crc == _crc32(sequence, data) else None


def _slot(sequence: int) -> int:
    return _FIRST + (sequence & 1) * SLOT_BYTES


def _crc32(sequence: int, data: bytes) -> int:
    return zlib.crc32(data, zlib.crc32(_HEAD.pack(sequence, len(data), 0)))
