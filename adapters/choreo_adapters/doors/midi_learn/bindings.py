"""What was learnt: which knob, pad or key of which controller asks for which command. One file, by port name."""

from __future__ import annotations

import errno
import json
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal

from choreo_adapters.doors.midi_learn.aside import set_aside
from choreo_service.disk import put_file

Kind = Literal["cc", "note"]
MOST: Final = 1024  # bindings
_NO_ROW: Final = (ValueError, KeyError, TypeError, OverflowError, RecursionError)  # what damaged JSON raises
_NUMBERS: Final = re.compile(r" \d+:\d+$")  # what ALSA adds; it changes between runs


@dataclass(frozen=True, slots=True)
class Source:
    """One knob, fader, pad or key."""

    port: str  # without ALSA's numbers
    kind: Kind
    channel: int  # 1..16
    number: int  # 0..127

    def __str__(self) -> str:
        return f"{'CC' if self.kind == 'cc' else 'note'} {self.number} ch {self.channel}"


@dataclass(frozen=True, slots=True)
class Wish:
    """The command it asks for, and what that is about: its control, its scene, "" for none."""

    command: str
    of: str = ""


def port_name(found: str) -> str:
    """The name a port has in every run."""
    return _NUMBERS.sub("", found)


class Bindings:
    """source -> wish. Every change is on disk before it counts as learnt; a file that can't be read is set aside."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._wishes: dict[Source, Wish] = {}
        self._keeps = ""  # why the file may not be written: it holds what could not be set aside

    def load(self) -> str:
        """Read the file, if there is one; what is wrong with it, "" for nothing. Blocks for the disk."""
        self._wishes, self._keeps = {}, ""
        try:
            if self.path.exists() and not self.path.is_file():
                raise OSError(errno.EINVAL, "expected a file, found a folder or device")
            rows = _rows(self.path.read_bytes())
        except FileNotFoundError:
            return ""
        except OSError as error:
            return self._set_aside(error.strerror or str(error))
        except _NO_ROW:
            return self._set_aside('expected {"bindings": [...]}, found something else')
        left = 0
        for row in rows:
            try:
                left += not self.bind(*_read(row))
            except _NO_ROW:
                left += 1
        wrong = f"{left} of its {len(rows)} bindings are damaged or beyond the {MOST} that can be"
        return self._set_aside(wrong) if left else ""

    def save(self) -> None:
        """Whole or not at all. OSError where the disk refuses. Blocks for the disk."""
        if self._keeps:
            raise OSError(errno.EEXIST, self._keeps)
        rows = [{**asdict(source), **asdict(wish)} for source, wish in self._wishes.items()]
        path = self.path.resolve()  # a link stays one
        path.parent.mkdir(parents=True, exist_ok=True)
        put_file(path, json.dumps({"bindings": rows}, indent=1).encode(), like=path)

    def _set_aside(self, wrong: str) -> str:
        """Keep the whole file under a free name and what was understood of it under its own; say so in words."""
        try:
            aside = set_aside(self.path)
        except OSError as error:
            self._keeps = f"what is there can't be set aside ({error.strerror or error}), so nothing is written over it"
            return f"{self.path}: {wrong}; {self._keeps}; move it away, or name another with doors.knobs.file"
        told = f"{self.path}: {wrong}; the whole file is kept as {aside.name}, {len(self)} bindings are used"
        try:
            self.save()
        except OSError as error:
            return f"{told}, and can't be written back ({error.strerror or error})"
        return told

    def __getitem__(self, source: Source) -> Wish | None:
        return self._wishes.get(source)

    def __iter__(self) -> Iterator[tuple[Source, Wish]]:
        return iter(self._wishes.items())

    def __len__(self) -> int:
        return len(self._wishes)

    def bind(self, source: Source, wish: Wish) -> bool:
        """A source asks for one thing; several sources may ask for the same. False: there are too many already."""
        if source not in self._wishes and len(self._wishes) >= MOST:
            return False
        self._wishes[source] = wish
        return True

    def forget(self, wish: Wish) -> int:
        """How many sources asked for it."""
        gone = [source for source, other in self._wishes.items() if other == wish]
        for source in gone:
            del self._wishes[source]
        return len(gone)


def _rows(content: bytes) -> list[Any]:
    rows = json.loads(content.decode())["bindings"]
    if not isinstance(rows, list):
        raise TypeError("no list")
    return rows


def _read(row: Any) -> tuple[Source, Wish]:
    """One of _NO_ROW where it isn't one."""
    source = Source(str(row["port"]), row["kind"], int(row["channel"]), int(row["number"]))
    if source.kind not in ("cc", "note") or not (1 <= source.channel <= 16 and 0 <= source.number <= 127):
        raise ValueError(f"no such knob: {source}")
    return source, Wish(str(row["command"]), str(row["of"]))
