"""A folder that gets results: those of an earlier run may be replaced, nobody else's file ever is."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Final, TypeVar

from choreo_service.errors import ConfigError

T = TypeVar("T")

CHOOSE: Final = "choose another folder: --out DIR"


def earlier_results(
    folder: Path, what: str, marker: str, read: Callable[[str], T], names: Collection[str] = ()
) -> T | None:
    """What `read` makes of the file `marker` that an earlier run left in `folder`; None where nothing is in the way.

    In the way is a file called as one of `names`, or anything at all where there are none. Then the marker tells whose
    it is: `read` raises ValueError, KeyError or TypeError for a text that isn't ours. ConfigError when it is somebody
    else's, or `folder` can't be a folder.
    """
    try:
        os.lstat(folder)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:  # too long a name, a NUL in it
        problem = f"can't write to {str(folder)!r:.120}: {getattr(error, 'strerror', error)}"
        raise ConfigError(problem, fix=CHOOSE) from error
    if not folder.is_dir():
        raise ConfigError(f"{folder} is a file; expected a folder for the {what}", fix=CHOOSE)
    found = _entries(folder, names)
    if not found:
        return None
    try:
        return read((folder / marker).read_text("utf-8"))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{folder} is in use and holds no {what}: found {found[0]}", fix=CHOOSE) from error


def _entries(folder: Path, names: Collection[str]) -> list[str]:
    try:
        return sorted(path.name for path in folder.iterdir() if not names or path.name in names)
    except OSError as error:
        raise ConfigError(f"can't read {folder}: {error.strerror}", fix=CHOOSE) from error
