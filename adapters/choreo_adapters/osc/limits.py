"""How much of the service's time one sender may take: a token bucket per source address, in a bounded table."""

from __future__ import annotations

from collections import OrderedDict
from enum import StrEnum
from typing import Final

MAX_SOURCES: Final = 64
IDLE_NS: Final = 1_000_000_000  # a source silent for this long may lose its place in a full table to a newcomer


class Verdict(StrEnum):
    """What a token bucket says about one datagram; the values are counter names."""

    PASS = "pass"  # noqa: S105 - a verdict, no password
    RATE = "rate limit"
    CROWD = "too many sources"


class RateLimiter:
    """At most `burst` messages at once and `rate_hz` sustained from each source, for at most MAX_SOURCES sources.

    A datagram takes one token before it is parsed; what else it turns out to hold is charged afterwards, so that
    packing messages into bundles gains a flooder nothing.

    A source that is sending keeps its place: invented source addresses can't push a performer's phone out of the table.
    Time is the receive time of the datagrams, so that a burst the kernel kept while the loop stood still is judged by
    when it arrived and not by when it was read.
    """

    def __init__(self, rate_hz: float, burst: int) -> None:
        self._rate_per_ns = rate_hz / 1e9
        self._burst = float(burst)
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()  # least recently heard first

    def __len__(self) -> int:
        return len(self._buckets)

    def check(self, source: str, now_ns: int) -> Verdict:
        """Take one token of `source` at time `now_ns` if there is one."""
        bucket = self._buckets.get(source)
        if bucket is None:
            if not self._room(now_ns):
                return Verdict.CROWD
            bucket = self._buckets[source] = _Bucket(self._burst, now_ns)
        self._buckets.move_to_end(source)
        elapsed = now_ns - bucket.at_ns
        if elapsed > 0:  # kernel stamps and our own readings may cross by microseconds
            bucket.tokens = min(self._burst, bucket.tokens + elapsed * self._rate_per_ns)
            bucket.at_ns = now_ns
        if bucket.tokens < 1.0:
            return Verdict.RATE
        bucket.tokens -= 1.0
        return Verdict.PASS

    def charge(self, source: str, messages: int) -> None:
        """Take tokens for `messages` more messages of a datagram already let pass; debt is limited to one burst."""
        bucket = self._buckets[source]
        bucket.tokens = max(-self._burst, bucket.tokens - messages)

    def _room(self, now_ns: int) -> bool:
        if len(self._buckets) < MAX_SOURCES:
            return True
        oldest, bucket = next(iter(self._buckets.items()))
        if now_ns - bucket.at_ns < IDLE_NS:
            return False
        del self._buckets[oldest]
        return True


class _Bucket:
    __slots__ = ("at_ns", "tokens")

    def __init__(self, tokens: float, at_ns: int) -> None:
        self.tokens = tokens
        self.at_ns = at_ns
