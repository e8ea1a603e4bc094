"""An event that repeats itself must not bury the others, nor fill a disk in the night."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from dataclasses import dataclass
from typing import Any, Final

import structlog

from choreo_service.clock import NS, work_ns

BURST: Final = 20  # lines of one event that may come at once
PER_S: Final = 1.0  # and how fast that allowance grows back


@dataclass(slots=True)
class _Allowance:
    left: float
    since_ns: int
    suppressed: int = 0


class RateLimit:
    """A structlog processor: drops what is beyond the allowance of its event; the next line says how many it was."""

    def __init__(self, now_ns: Callable[[], int] = work_ns) -> None:
        self._now_ns = now_ns
        self._events: dict[str, _Allowance] = {}  # event names are constants of the code, so there are few

    def __call__(self, logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        now_ns = self._now_ns()
        mine = self._events.setdefault(str(event["event"]), _Allowance(BURST, now_ns))
        mine.left = min(float(BURST), mine.left + PER_S * (now_ns - mine.since_ns) / NS)
        mine.since_ns = now_ns
        if mine.left < 1.0:
            mine.suppressed += 1
            raise structlog.DropEvent
        mine.left -= 1.0
        if mine.suppressed:
            event["suppressed"], mine.suppressed = mine.suppressed, 0
        return event
