"""Finishing takes: beside a running show in a process of its own that gives way to it, after the show at once."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from choreo_service.config import Loaded
from choreo_service.disk import RealDisk
from choreo_service.errors import ChoreoError, SessionError
from choreo_service.logs import get_logger
from choreo_service.recorder import finish, is_live, unfinished

LITTLE_MB: Final = 1024
_at_work: list[subprocess.Popen[bytes]] = []  # those nobody has asked for their exit yet


def require_room(loaded: Loaded) -> str:
    """ChoreoError when a recording could not even begin; a word of warning when the disk is nearly full, else ""."""
    with _recordable(loaded.recordings):
        loaded.recordings.mkdir(parents=True, exist_ok=True)
    free_mb = room_mb(loaded)
    return f"only {free_mb} MB are free for the take in {loaded.recordings}" if free_mb < LITTLE_MB else ""


def room_mb(loaded: Loaded) -> int:
    """What is free where takes are recorded; ChoreoError when a recording could not even begin. Makes no folder: where
    that of the takes isn't there yet, the one it would be made in is asked."""
    folder, keep_mb = loaded.recordings, loaded.settings.recorder.keep_free_mb
    with _recordable(folder):
        there = next((path for path in (folder, *folder.parents) if path.exists()), folder)
        with tempfile.TemporaryFile(dir=there):
            free_mb = RealDisk().free_bytes(there) >> 20
    if free_mb <= keep_mb:
        raise ChoreoError(
            f"can't record in {folder}: {free_mb} MB are free, and {keep_mb} MB have to stay free",
            fix="make room, choose another disk (-o recorder.folder=FOLDER), or lower recorder.keep_free_mb",
        )
    return free_mb


@contextmanager
def _recordable(folder: Path) -> Iterator[None]:
    """An OSError in here is about the folder of the takes."""
    try:
        yield
    except OSError as error:
        raise ChoreoError(
            f"can't record in {folder}: {error.strerror or error}",
            fix="choose a folder you may write to: -o recorder.folder=FOLDER",
        ) from error


def finish_left_over(recordings: Path) -> str:
    """Let another process make takes of recordings that were cut off; how many there are in words, "" for none."""
    left = [folder for folder in unfinished(recordings) if not is_live(folder)]
    if left:
        finish_apart(*left)
    return "" if not left else "1 recording" if len(left) == 1 else f"{len(left)} recordings"


def finish_apart(*folders: Path) -> subprocess.Popen[bytes] | None:
    """Let another process make takes of recordings that have ended; returns at once. Not for the event loop.

    The process, which nobody needs to wait for; None where it can't be started, which is logged.
    """
    _at_work[:] = [child for child in _at_work if child.poll() is None]
    argv = [sys.executable, "-P", "-m", "choreo_service", "takes", "recover", "--beside", *map(str, folders)]
    try:
        # Its own group: Ctrl-C is for the show.
        quiet = subprocess.DEVNULL
        child = subprocess.Popen(argv, stdout=quiet, stderr=quiet, start_new_session=True)  # noqa: S603
    except OSError as error:
        get_logger().warning(
            "recording.unfinished", folders=[f.name for f in folders], cause=error.strerror or str(error)
        )
        return None
    _at_work.append(child)
    return child


def finish_now(folder: Path) -> str:
    """Make a take of a recording that has ended; what to tell the performer."""
    try:
        take = finish(folder)
    except SessionError as error:
        return f"take      not finished: {error.problem}; nothing is lost, then type: choreo takes recover"
    if take is None:
        return "take      nothing was played"
    return f"take      {take.path}  {take.meta['duration_s']:.1f} s, {take.meta['ticks']} ticks"
