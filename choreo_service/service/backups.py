"""What a configuration held before the page changed it: NAME.bak for ever, then NAME.bak_2, NAME.bak_3 and so on."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path
from typing import Final

from choreo_service.disk import put_file

MOST: Final = 20  # numbered ones
_NUMBERED: Final = re.compile(r"\.bak_([1-9][0-9]{0,5})")


def back_up(path: Path, content: bytes) -> Path:
    """The backup of `path` that holds `content`: the newest, if it does, else a new one. Nothing is replaced, and only
    of the numbered ones the oldest is removed where they become too many. OSError: nothing was kept."""
    first = path.with_name(f"{path.name}.bak")
    numbered = _numbered(path)
    newest = max(numbered, default=1)
    if _holds(numbered.get(newest, first), content):
        return numbered.get(newest, first)
    taken = numbered or first.exists() or first.is_symlink()
    backup = path.with_name(f"{path.name}.bak_{newest + 1}") if taken else first
    backup.touch(mode=0o600, exist_ok=False)  # the name is ours before anything is put there
    try:
        put_file(backup, content, like=path)
    except BaseException:
        backup.unlink()
        raise
    for number in sorted(numbered)[: -(MOST - 1)]:
        with suppress(OSError):
            numbered[number].unlink()
    return backup


def _numbered(path: Path) -> dict[int, Path]:
    found = {other: _NUMBERED.fullmatch(other.name.removeprefix(path.name)) for other in path.parent.iterdir()}
    return {int(match[1]): other for other, match in found.items() if match and other.name.startswith(path.name)}


def _holds(backup: Path, content: bytes) -> bool:
    """A link doesn't: what it leads to may be the very file that is going to change."""
    try:
        return not backup.is_symlink() and backup.is_file() and backup.read_bytes() == content
    except OSError:
        return False
