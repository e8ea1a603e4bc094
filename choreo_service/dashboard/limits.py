"""How fast one visitor may command."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from choreo_service.clock import NS, Clock

RATE_HZ: Final = 20.0  # a fader moved by hand; keys and buttons are far slower
BURST: Final = 60
_MAX_VISITORS: Final = 64


class Bucket:
    """Tokens of one visitor. Each message takes one; who has none left has to wait."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._tokens, self._at_ns = float(BURST), clock.now_ns()

    def take(self) -> float:
        """Take a token; the seconds to wait before acting on it, 0 where there was one."""
        now_ns = self._clock.now_ns()
        self._tokens = min(float(BURST), self._tokens + (now_ns - self._at_ns) / NS * RATE_HZ)
        self._at_ns = now_ns
        self._tokens -= 1.0
        return max(0.0, -self._tokens / RATE_HZ)

    def give_back(self) -> None:
        """The message was refused, not acted on."""
        self._tokens += 1.0


class Buckets:
    """One for each address; a bounded table, the longest unheard lose their place."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()

    def admit(self, visitor: str) -> bool:
        """Whether this visitor may act now."""
        bucket = self._buckets.setdefault(visitor, Bucket(self._clock))
        self._buckets.move_to_end(visitor)
        if len(self._buckets) > _MAX_VISITORS:
            self._buckets.popitem(last=False)
        if bucket.take() > 0.0:
            bucket.give_back()
            return False
        return True
