"""A file for this user alone that is there whole or not at all, and never in the place of another."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO


@contextmanager
def new_file(path: Path) -> Iterator[BinaryIO]:
    """Write to it; at the end it is at `path`, after an error nothing is. FileExistsError when something is there
    already, another OSError where the folder can't be written.

    The name is taken by an empty file, so that nobody else's can be under it when the full one comes.
    """
    path.touch(mode=0o600, exist_ok=False)
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name[:100]}.", suffix=".partial", dir=path.parent)
        draft = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                yield file
            draft.replace(path)
        except BaseException:
            _remove(draft)
            raise
    except BaseException:
        _remove(path)
        raise


def _remove(path: Path) -> None:
    with suppress(OSError):
        path.unlink()
