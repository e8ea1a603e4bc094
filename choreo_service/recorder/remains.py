"""What a recording's folder still holds, and whether a take has all of it."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from choreo_service.errors import SessionError
from choreo_service.recorder.live import FOLDER_SUFFIX, LOCK, MANIFEST
from choreo_service.recorder.segments import SUFFIX, read_stream
from choreo_service.recorder.streams import LIVE_STREAMS, Label
from choreo_service.session import Session, open_session
from choreo_service.session.meta import META_FILE
from choreo_service.session.state import STATE_FILE

_NAME: Final = re.compile(rf"\..+{re.escape(FOLDER_SUFFIX)}")
_OURS: Final = re.compile(
    rf"{LOCK}|{re.escape(MANIFEST)}|{re.escape(STATE_FILE)}|({'|'.join(LIVE_STREAMS)})-\d+{re.escape(SUFFIX)}"
    r"|\..+\.partial"  # drafts: of a file, or of the take
)


def recording_of(take: Path) -> Path:
    """The folder in which a take of this path is recorded."""
    return take.with_name(f".{take.name}{FOLDER_SUFFIX}")


def take_of(folder: Path) -> str:
    """The name a recording's take gets, unless there is one already."""
    return folder.name[1:].removesuffix(FOLDER_SUFFIX)


def require_recording(folder: Path) -> None:
    """SessionError when this is no recording's folder. What it holds says nothing: a fall may have left any part."""
    if folder.is_dir() and _NAME.fullmatch(folder.name):
        return
    what = f"there is no recording {folder}"
    if (folder / META_FILE).is_file():
        what = f"{folder} is a take already"
    elif folder.exists():
        what = f"{folder} is not a recording; expected a folder with a name like {recording_of(Path('show'))}"
    raise SessionError(what, fix="see what is there: choreo takes")


class Remains:
    """The rows of a recording that can be read. `lost` counts, by stream, those missing between rows that were."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._packets = _rows(folder, "packets")
        self.lost: dict[str, int] = {}

    def begun(self) -> bool:
        return any(self._folder.glob(f"*{SUFFIX}"))

    def batches(self, stream: str) -> Iterator[Any]:
        """The batches of a stream, as far as they are whole together with the packets.

        A power cut may keep newer steps than packets; steps without the packets they were made of could not be
        replayed.
        """
        rows = lost = 0
        for label, batch in read_stream(self._folder, stream):
            if stream == "steps" and label.packets > self._packets:
                return
            if label.first > rows:
                lost += label.first - rows
                self.lost[stream] = lost
            rows = label.first + label.rows
            yield batch

    def taken_by(self, take: Session) -> bool:
        """Whether the take has each of these rows, told by when they came to be; SessionError when it is damaged."""
        take.verify()
        return all(
            _within(_times(self.batches(stream)), _times(take.batches(kinds[0])))
            for stream, kinds in LIVE_STREAMS.items()
        )


def made_of(folder: Path, recording: str, remains: Remains) -> Session | None:
    """The take that was made of this recording already, whole: an earlier try was interrupted after that. A copy of the
    recording may hold more than the take, and is none."""
    for path in folder.parent.glob(f"[!.]*/{META_FILE}"):
        with suppress(SessionError):
            take = open_session(path.parent)
            if take.meta.get("recording") == recording and remains.taken_by(take):
                return take
    return None


def is_ours(folder: Path) -> bool:
    """Whether anything of a recording is in it, or nothing at all yet."""
    with suppress(OSError):  # gone meanwhile
        return bool(_ours(folder)) or not any(folder.iterdir())
    return False


def clear(folder: Path) -> None:
    """Remove a recording that is a take, and nothing else that somebody put there. The manifest goes last: with it an
    interrupted try is known again."""
    for path in sorted(_ours(folder), key=lambda path: path.name == MANIFEST):
        with suppress(OSError):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink()
    with suppress(OSError):
        folder.rmdir()


def _ours(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if _OURS.fullmatch(path.name)]


def _rows(folder: Path, stream: str) -> int:
    """The number of the last row that can be read, plus one."""
    last: Label | None = None
    for label, _ in read_stream(folder, stream):
        last = label
    return 0 if last is None else last.first + last.rows


def _times(batches: Iterator[Any]) -> NDArray[np.int64]:
    """t_ns of every row [rows]."""
    found = [np.asarray(batch.column("t_ns"), dtype=np.int64) for batch in batches]
    return np.concatenate(found) if found else np.empty(0, dtype=np.int64)


def _within(some: NDArray[np.int64], all_: NDArray[np.int64]) -> bool:
    """Whether each value is among the others, as often at least."""
    values, counts = np.unique(some, return_counts=True)
    there, of_them = np.unique(all_, return_counts=True)
    at = np.searchsorted(there, values)
    if at.max(initial=-1) >= len(there):
        return False
    return bool(np.all((there[at] == values) & (of_them[at] >= counts)))
