"""Finishing takes: beside a running show in a process of its own that gives way to it, after the show at once."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from choreo_service.config import Loaded
from choreo_service.disk import RealDisk
from choreo_service.errors import ChoreoError, SessionError
from choreo_service.logs import get_logger
from choreo_service.recorder import finish, is_live, unfinished

_LITTLE_MB: Final = 1024
_at_work: list[subprocess.Popen[bytes]] = []  # those nobody has asked for their exit yet


def require_room(loaded: Loaded) -> str:
    """ChoreoError when a recording could not even begin; a word of warning when the disk is nearly full, else ""."""
    folder, keep_mb = loaded.recordings, loaded.settings.recorder.keep_free_mb
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            free_mb = RealDisk().free_bytes(folder) >> 20
    except OSError as error:
        raise ChoreoError(
            f"can't record in {folder}: {error.strerror or error}",
            fix="choose a folder you may write to: -o recorder.folder=FOLDER",
        ) from error
    if free_mb <= keep_mb:
        raise ChoreoError(
            f"can't record in {folder}: {free_mb} MB are free, and {keep_mb} MB have to stay free",
            fix="make room, choose another disk (-o recorder.folder=FOLDER), or lower recorder.keep_free_mb",
        )
    return f"only {free_mb} MB are free for the take in {folder}" if free_mb < _LITTLE_MB else ""


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
