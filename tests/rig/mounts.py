"""Real file systems made for a test: a small one that fills up, and one whose power can be cut.

Mounting needs root, a loop device and mkfs.ext4; where one is missing, `refusal` says which, and the test is skipped.
"""

from __future__ import annotations

import fcntl
import functools
import os
import shutil
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_SHUTDOWN: Final = 0x8004587D  # FS_IOC_SHUTDOWN of linux/fs.h
_NO_LOG_FLUSH: Final = 2  # of ext4: its journal keeps what the device has, as after a power cut
_IMAGE_MB: Final = 64


class CutDisk:
    """An ext4 file system in an image on the disk below: `cut` is the moment the power goes, `power_on` the next boot.

    From the cut on nothing reaches the image any more, neither data nor names nor journal, and what was only in memory
    is gone when the mount is. The device itself is taken at its word: what a drive's own cache loses is not in here.
    """

    def __init__(self, folder: Path) -> None:
        self._image, self.path = folder / "disk.img", folder / "disk"
        self.path.mkdir()
        with self._image.open("wb") as file:
            file.truncate(_IMAGE_MB << 20)
        _run("mkfs.ext4", "-q", "-F", str(self._image))
        self.power_on()

    def power_on(self) -> None:
        """Mount it; ext4 replays its journal."""
        _run("mount", "-o", "loop", str(self._image), str(self.path))

    def cut(self) -> None:
        handle = os.open(self.path, os.O_RDONLY)
        try:
            fcntl.ioctl(handle, _SHUTDOWN, struct.pack("I", _NO_LOG_FLUSH))
        finally:
            os.close(handle)

    def power_off(self) -> None:
        """Unmount it, once nobody holds its files."""
        _run("umount", str(self.path))


@contextmanager
def cut_disk(folder: Path) -> Iterator[CutDisk]:
    """Mounted below `folder`, and gone afterwards whatever happened."""
    disk = CutDisk(folder)
    try:
        yield disk
    finally:
        subprocess.run(("umount", "--lazy", str(disk.path)), check=False, capture_output=True)


@contextmanager
def small_disk(folder: Path, mb: int) -> Iterator[Path]:
    """A tmpfs of so many megabytes at `folder`, which is made."""
    folder.mkdir()
    _run("mount", "-t", "tmpfs", "-o", f"size={mb}m", "tmpfs", str(folder))
    try:
        yield folder
    finally:
        subprocess.run(("umount", "--lazy", str(folder)), check=False, capture_output=True)


@functools.cache
def refusal() -> str:
    """Why this machine can't mount what a test makes, "" where it can. Tried, as containers differ."""
    if sys.platform != "linux":
        return "real file systems are mounted on Linux alone"
    if os.geteuid() != 0:
        return "mounting a file system needs root"
    if missing := [name for name in ("mount", "umount", "mkfs.ext4") if shutil.which(name) is None]:
        return f"not installed: {', '.join(missing)}"
    with tempfile.TemporaryDirectory() as folder:
        try:
            with small_disk(Path(folder) / "small", 1), cut_disk(Path(folder)):
                return ""
        except OSError as error:
            return f"this machine mounts nothing: {error}"


def _run(*argv: str) -> None:
    """OSError with what the program said."""
    done = subprocess.run(argv, check=False, capture_output=True, text=True)
    if done.returncode:
        raise OSError(f"{argv[0]}: {(done.stderr or done.stdout).strip()}")
