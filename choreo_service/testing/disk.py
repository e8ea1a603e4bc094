"""A disk that exists in memory alone, and fails as real ones do: full, slow, faulty, or without power."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

Remains = Mapping[Path, bytes]  # file -> content


@dataclass(slots=True)
class _Content:
    """What a file holds for whoever reads it now, and what a power cut would leave of it."""

    now: bytearray = field(default_factory=bytearray)
    durable: bytes = b""


class SimulatedDisk:
    """A `Disk` whose faults are set from outside. `capacity` is in bytes of file content."""

    def __init__(self, capacity: int = 1 << 62) -> None:
        self.capacity = capacity
        self.fault: OSError | None = None  # raised by every write and sync while it is set
        self.on_sync: Callable[[], None] = lambda: None  # called by every sync: a slow disk spends time in it
        self.open_files = 0
        self._files: dict[Path, _Content] = {}
        self._folders: set[Path] = set()
        self._locked: set[Path] = set()

    def exists(self, path: Path) -> bool:
        return path in self._files or path in self._folders

    def make_folder(self, path: Path) -> None:
        self._refuse()
        if path in self._folders:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
        self._folders.add(path)

    def create(self, path: Path) -> SimulatedFile:
        self._refuse()
        if path in self._files:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
        content = self._files[path] = _Content()
        return SimulatedFile(self, content)

    def put(self, path: Path, content: bytes) -> None:
        self._refuse()
        self._room(len(content))
        self._files[path] = _Content(bytearray(content), content)

    def lock(self, path: Path) -> contextlib.AbstractContextManager[None] | None:
        return None if path in self._locked else self._locking(path)

    def free_bytes(self, path: Path) -> int:
        return max(0, self.capacity - self.used)

    @property
    def used(self) -> int:
        return sum(len(content.now) for content in self._files.values())

    def read(self, path: Path) -> bytes:
        """What a reader would find now."""
        return bytes(self._files[path].now)

    def after_power_cut(self) -> Remains:
        """What a power cut now would leave: what was not synced is zeros, as far as the file's length was known."""
        return {path: c.durable + bytes(len(c.now) - len(c.durable)) for path, c in self._files.items()}

    def after_kill(self) -> Remains:
        """What a process killed now would leave: what was written is there."""
        return {path: bytes(c.now) for path, c in self._files.items()}

    def _refuse(self) -> None:
        if self.fault is not None:
            raise self.fault

    def _room(self, size: int) -> None:
        if self.used + size > self.capacity:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    @contextlib.contextmanager
    def _locking(self, path: Path) -> Iterator[None]:
        self._locked.add(path)
        try:
            yield
        finally:
            self._locked.discard(path)


class SimulatedFile:
    """One file of it. Once it is closed it is no more: a real one's number may be another file's by then."""

    def __init__(self, disk: SimulatedDisk, content: _Content) -> None:
        self._disk, self._content = disk, content
        self._closed = False
        disk.open_files += 1

    def write_at(self, data: bytes, offset: int) -> None:
        self._must_be_open()
        self._disk._refuse()
        now = self._content.now
        fits = max(0, min(len(data), self._disk.capacity - self._disk.used + len(now) - offset))
        now[offset : offset + fits] = data[:fits]  # a full disk takes what it can, then refuses
        if fits < len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def truncate(self, size: int) -> None:
        del self._content.now[size:]

    def sync(self) -> None:
        self._must_be_open()
        content = bytes(self._content.now)  # what is written meanwhile is not promised
        self._disk.on_sync()
        self._must_be_open()
        self._disk._refuse()
        self._content.durable = content

    def close(self) -> None:
        """What was written stays written."""
        self._must_be_open()
        self._closed = True
        self._disk.open_files -= 1

    def _must_be_open(self) -> None:
        if self._closed:
            raise ValueError("a file that was closed is used")
