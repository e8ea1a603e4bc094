"""The logs of the last shows, kept as JSON lines: who asks what went wrong yesterday finds it."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Final, TextIO

KEPT: Final = 5
LIMIT_BYTES: Final = 10_000_000  # of one show
NAME: Final = "show.log"


def kept_logs(folder: Path) -> list[Path]:
    """The files there are, newest first."""
    return [path for path in _names(folder) if path.is_file()]


def begin(folder: Path) -> TextIO | None:
    """A new file for this show; the older ones move on by one, the oldest goes. None where that can't be done."""
    newest, *older = _names(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for path, moved in reversed(list(zip([newest, *older], older, strict=False))):
            with suppress(FileNotFoundError):
                path.replace(moved)
        return newest.open("x", encoding="utf-8")
    except OSError:
        return None


def go_on(folder: Path) -> TextIO | None:
    """The newest file, for another process of the same show. None where that can't be done."""
    try:
        return (folder / NAME).open("a", encoding="utf-8")
    except OSError:
        return None


def _names(folder: Path) -> list[Path]:
    return [folder / NAME, *(folder / f"show.{n}.log" for n in range(1, KEPT))]
