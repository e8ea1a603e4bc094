"""Files of other devices and apps as text, within bounds: what doesn't fit is told, not tried."""

from __future__ import annotations

from collections.abc import Iterator
from io import TextIOWrapper
from itertools import count
from pathlib import Path
from typing import Final

from choreo_pipelines.importers.recording import SourceError

MAX_TEXT_BYTES: Final = 1 << 30  # read a line at a time: twenty hours of a phone with four sensors
MAX_WHOLE_BYTES: Final = 64 << 20  # read as a whole: a day of an activity, two of a wristband
MAX_LINE: Final = 1 << 20  # characters


def read_text(path: Path) -> str:
    """The file as UTF-8 text; SourceError when it can't be that, or is too large to be read as a whole."""
    check_size(path, MAX_WHOLE_BYTES)
    try:
        return path.read_text("utf-8-sig")
    except OSError as error:
        raise _unreadable(path, error) from error
    except UnicodeDecodeError as error:
        raise _no_text(path, error, len(error.object)) from error


def read_lines(path: Path) -> Iterator[str]:
    """The lines of a file of UTF-8 text, with their ends; SourceError when it isn't that, or is too large."""
    check_size(path, MAX_TEXT_BYTES)
    try:
        with path.open("rb") as file:
            text = TextIOWrapper(file, "utf-8-sig", newline="")
            for number in count(1):
                try:
                    line = text.readline(MAX_LINE)
                except UnicodeDecodeError as error:
                    raise _no_text(path, error, file.tell()) from error
                if len(line) == MAX_LINE:
                    raise SourceError(
                        f"{path}, line {number}, has more than {MAX_LINE} characters", fix="export the recording again"
                    )
                if not line:
                    return
                yield line
    except OSError as error:
        raise _unreadable(path, error) from error


def check_size(path: Path, most: int) -> None:
    """SourceError for a file of more than `most` bytes."""
    try:
        size = path.stat().st_size
    except OSError as error:
        raise _unreadable(path, error) from error
    if size > most:
        raise SourceError(f"{path} has {size} bytes; expected at most {most}", fix="split it first")


def _unreadable(path: Path, error: OSError) -> SourceError:
    return SourceError(f"{path} can't be read: {error.strerror}", fix="check its name and its permissions")


def _no_text(path: Path, error: UnicodeDecodeError, read: int) -> SourceError:
    """`read`: how many bytes of the file were read, the last of which are in the error."""
    at = read - len(error.object) + error.start
    return SourceError(
        f"{path} is no text: found byte {error.object[error.start]:#04x} at {at}, expected UTF-8",
        fix="export it again as text (CSV) from the app that recorded it",
    )
