"""Setting a file aside that holds something else than was expected: nothing is replaced, nothing is lost."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from choreo_service.disk import put_file

_MOST: Final = 1000  # of one file


def set_aside(path: Path) -> Path:
    """Move a file to a free name beside it, or copy what a link leads to. OSError: it is as it was."""
    if not path.is_file():
        raise OSError("only a file can be")
    aside = _taken(path)
    try:
        if path.is_symlink():
            put_file(aside, path.read_bytes(), like=path)
        else:
            path.replace(aside)
    except OSError:
        aside.unlink()
        raise
    return aside


def _taken(path: Path) -> Path:
    """NAME.damaged, else NAME.damaged_2 and so on; an empty file holds the name, so that nobody else's can be there."""
    for number in range(1, _MOST + 1):
        aside = path.with_name(f"{path.name}.damaged{f'_{number}' if number > 1 else ''}")
        try:
            aside.touch(mode=0o600, exist_ok=False)
        except FileExistsError:
            continue
        return aside
    raise OSError(f"{_MOST} files are set aside already")
