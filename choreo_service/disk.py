"""What the recorder asks of a disk, behind an interface: tests fill it up, slow it down and pull its plug."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Protocol


class DiskFile(Protocol):
    """One file being written; `sync` may run beside the others. Everything raises OSError when the disk refuses."""

    def write_at(self, data: bytes, offset: int) -> None:
        """All of `data`; after an OSError any part of it may be there."""
        ...

    def truncate(self, size: int) -> None: ...

    def sync(self) -> None:
        """Return when what was written, and the file's name, survives a power cut."""
        ...

    def close(self) -> None: ...


class Disk(Protocol):
    """The disk takes are recorded on. Everything raises OSError when the disk refuses."""

    def exists(self, path: Path) -> bool: ...

    def make_folder(self, path: Path) -> None:
        """A new folder for this user alone that survives a power cut, parents included as the system makes them;
        FileExistsError when it is there already."""
        ...

    def create(self, path: Path) -> DiskFile:
        """A new, empty file for this user alone; FileExistsError when it is there already."""
        ...

    def put(self, path: Path, content: bytes) -> None:
        """A small file, whole or not at all, replacing what was there; survives a power cut."""
        ...

    def lock(self, path: Path) -> contextlib.AbstractContextManager[None] | None:
        """Hold `path` for this process until the context ends or the process dies; None when somebody else does."""
        ...

    def free_bytes(self, path: Path) -> int: ...


class RealDisk:
    """The operating system's. Windows writes folder entries through and can't be asked to."""

    def exists(self, path: Path) -> bool:
        return os.path.lexists(path)  # a link to nowhere takes a name too

    def make_folder(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir(mode=0o700)
        sync_folder(path.parent)

    def create(self, path: Path) -> DiskFile:
        flags = os.O_CREAT | os.O_EXCL | os.O_RDWR | getattr(os, "O_BINARY", 0)
        return _RealFile(os.open(path, flags, 0o600), path.parent)

    def put(self, path: Path, content: bytes) -> None:
        put_file(path, content, like=path)

    def lock(self, path: Path) -> contextlib.AbstractContextManager[None] | None:
        file = path.open("ab")
        if not _lock(file):
            file.close()
            return None
        return _closing(file)

    def free_bytes(self, path: Path) -> int:
        return shutil.disk_usage(path).free


class _RealFile:
    def __init__(self, handle: int, folder: Path) -> None:
        self._handle = handle
        self._unnamed_in: Path | None = folder  # until the folder has been synced

    def write_at(self, data: bytes, offset: int) -> None:
        view = memoryview(data)
        while view:
            os.lseek(self._handle, offset, os.SEEK_SET)  # pwrite doesn't exist for Windows
            written = os.write(self._handle, view)
            view, offset = view[written:], offset + written

    def truncate(self, size: int) -> None:
        os.ftruncate(self._handle, size)

    def sync(self) -> None:
        if hasattr(os, "fdatasync"):
            os.fdatasync(self._handle)
        else:
            os.fsync(self._handle)
        if self._unnamed_in is not None:
            sync_folder(self._unnamed_in)
            self._unnamed_in = None

    def close(self) -> None:
        os.close(self._handle)


@contextlib.contextmanager
def _closing(file: BinaryIO) -> Iterator[None]:
    with file:
        yield


def _lock(file: BinaryIO) -> bool:
    """The system gives a lock back when its process dies, however it dies."""
    try:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def put_file(path: Path, content: bytes, *, like: Path) -> None:
    """Write a file whole or not at all, with the rights of `like`, or for its owner alone where that isn't there.

    The draft has a name that nobody else has, so it neither follows a link nor replaces a file of somebody's.
    """
    handle, name = tempfile.mkstemp(prefix=f".{path.name[:100]}.", suffix=".partial", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if like.exists():
            shutil.copymode(like, name)
        Path(name).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Return when the names in a folder survive a power cut."""
    if os.name == "nt":
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
