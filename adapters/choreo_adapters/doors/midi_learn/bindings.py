"""What was learnt: which knob, pad or key of which controller asks for which command. One file, by port name."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal

Kind = Literal["cc", "note"]
MOST: Final = 1024  # bindings
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

    def load(self) -> str:
        """Read the file, if there is one; what is wrong with it, "" for nothing. Blocks for the disk."""
        try:
            told = json.loads(self.path.read_text("utf-8"))
            self._wishes = dict(map(_read, told["bindings"][:MOST]))
        except FileNotFoundError:
            self._wishes = {}
        except OSError as error:
            return f"{self.path}: {error.strerror}"
        except (ValueError, KeyError, TypeError, AttributeError):
            aside = self.path.with_suffix(".damaged")
            with suppress(OSError):
                self.path.replace(aside)
            return f"{self.path} was no list of bindings; it is kept as {aside.name}"
        return ""

    def save(self) -> None:
        """Whole or not at all. OSError where the disk refuses. Blocks for the disk."""
        rows = [{**asdict(source), **asdict(wish)} for source, wish in self._wishes.items()]
        self.path.parent.mkdir(parents=True, exist_ok=True)
        half = self.path.with_suffix(".half")
        with half.open("w", encoding="utf-8") as file:
            json.dump({"bindings": rows}, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        half.replace(self.path)

    def __getitem__(self, source: Source) -> Wish | None:
        return self._wishes.get(source)

    def __iter__(self) -> Iterator[tuple[Source, Wish]]:
        return iter(self._wishes.items())

    def __len__(self) -> int:
        return len(self._wishes)

    def bind(self, source: Source, wish: Wish) -> None:
        """A source asks for one thing; several sources may ask for the same."""
        if source in self._wishes or len(self._wishes) < MOST:
            self._wishes[source] = wish

    def forget(self, wish: Wish) -> int:
        """How many sources asked for it."""
        gone = [source for source, other in self._wishes.items() if other == wish]
        for source in gone:
            del self._wishes[source]
        return len(gone)


def _read(row: Any) -> tuple[Source, Wish]:
    """ValueError, KeyError or TypeError where it isn't one."""
    source = Source(str(row["port"]), row["kind"], int(row["channel"]), int(row["number"]))
    if source.kind not in ("cc", "note") or not (1 <= source.channel <= 16 and 0 <= source.number <= 127):
        raise ValueError(f"no such knob: {source}")
    return source, Wish(str(row["command"]), str(row["of"]))
