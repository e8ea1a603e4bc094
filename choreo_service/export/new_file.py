"""A file or folder for this user alone that is there whole or not at all, and never in the place of another."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final

DRAFT: Final = ".partial"


@contextmanager
def new_file(path: Path) -> Iterator[BinaryIO]:
    """Write to it; at the end it is at `path`, after an error nothing is. FileExistsError when something is there
    already, another OSError where the folder can't be written. A process that is killed leaves a hidden draft."""
    _require_free(path)
    handle, name = tempfile.mkstemp(prefix=_hidden(path), suffix=DRAFT, dir=path.parent)
    draft = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
        path.touch(exist_ok=False)  # nobody else's file can be under the name when this one comes
        draft.replace(path)
    except BaseException:
        with suppress(OSError):
            draft.unlink()
        raise


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """The same for a folder: fill the one given."""
    _require_free(path)
    draft = Path(tempfile.mkdtemp(prefix=_hidden(path), suffix=DRAFT, dir=path.parent))
    try:
        yield draft
        _require_free(path)
        draft.rename(path)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise


def _require_free(path: Path) -> None:
    if os.path.lexists(path):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))


def _hidden(path: Path) -> str:
    return f".{path.name[:100]}."
