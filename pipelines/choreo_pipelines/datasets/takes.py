"""Which takes to train with: folders on a command line become opened sessions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from choreo_service.errors import SessionError
from choreo_service.session import Session, open_session


def find_takes(paths: Sequence[Path]) -> list[Session]:
    """The takes that `paths` name: each path is a take or a folder of takes, one level deep.

    Sorted by name; a take named twice is there once. SessionError when a path holds no take, or one that can't be
    opened: training with less than was asked for would pass unseen.
    """
    if not paths:
        raise SessionError("no takes to train with: expected at least one folder of takes", fix=_MAKE_SOME)
    folders = {folder.resolve() for path in paths for folder in _take_folders(Path(path))}
    return [open_session(folder) for folder in sorted(folders, key=lambda folder: (folder.name, folder))]


_META: Final = "meta.json"
_MAKE_SOME: Final = "make generate-data (five synthetic takes in recordings/m0), or choreo-lab generate --out FOLDER"


def _take_folders(path: Path) -> Iterable[Path]:
    if not path.exists():
        raise SessionError(f"no takes at {path}: there is no such folder", fix=_MAKE_SOME)
    if not path.is_dir() or (path / _META).is_file():
        return [path]  # open_session says what a file is if not a take
    inside = [meta.parent for meta in path.glob(f"[!.]*/{_META}")]  # a draft begins with a dot
    if not inside:
        raise SessionError(f"no takes in {path}: none of its folders has a {_META}", fix=_MAKE_SOME)
    return inside
