"""What the helper process tells: where it stands, and each notification of the strap."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from choreo_adapters.helper.reports import to_line

HEARTBEAT_S: Final = 0.5  # something is told at least this often
NAME_LENGTH: Final = 48  # what a radio shouts is cut


class News:
    """Writes one line per change, per notification and per heartbeat. A pipe that is full loses lines, counted."""

    def __init__(self, write: Callable[[bytes], object]) -> None:
        """`write` takes a whole line or raises BlockingIOError."""
        self._write = write
        self._facts: dict[str, Any] = {"state": "starting", "reason": "", "hint": "", "name": "", "address": ""}
        self._lost = 0

    def become(self, state: str, reason: str = "", hint: str = "") -> None:
        """A new state, told only if it differs from the last."""
        changed = {"state": state, "reason": reason, "hint": hint}
        if not changed.items() <= self._facts.items():
            self._facts |= changed
            self.tell()

    def found(self, name: str, address: str) -> None:
        """The strap that will be connected to."""
        self._facts |= {"name": name, "address": address}
        self.become("connecting")

    def battery(self, percent: int | None) -> None:
        self._facts["battery"] = percent
        self.tell()

    def heart(self, data: bytes, t_ns: int) -> None:
        """One notification and when it came."""
        self.tell(data=data.hex(), t_ns=t_ns)

    def tell(self, **more: Any) -> None:
        try:
            self._write(to_line({**self._facts, "lost": self._lost, **more}))
        except BlockingIOError:
            self._lost += 1


def printable(name: str | None) -> str:
    """A name from the air, fit for a terminal: without control characters, and not endless."""
    return "".join(c for c in name or "" if c.isprintable())[:NAME_LENGTH]
