"""The sender's time stamps on our clock.

Many LSL senders put several samples into one chunk, which arrive in one instant although they were taken apart; the
stamps know better. LSL's own correction isn't used: its first answer takes 0.6 s, and it keeps answering from memory
when the sender is gone.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from choreo_service.clock import MS, NS

BUCKET_NS: Final = NS
WINDOW: Final = 30  # buckets; crystals differ by 100 ppm at most, 3 ms in this time
STEP_NS: Final = 500 * MS  # a delay this far above the smallest is no slow transfer,
STEP_SAMPLES: Final = 50  # when so many come in a row: the sender's clock was set back


class Spacing:
    """Adds the smallest delay of the last half minute: a stamp's time as the fastest transfer would have brought it."""

    def __init__(self) -> None:
        self._buckets: deque[tuple[int, int]] = deque(maxlen=WINDOW)  # (number of the second, smallest delay in ns)
        self._late = 0  # samples in a row beyond STEP_NS
        self._last_ns = 0

    def on_our_clock(self, stamp_ns: int | None, arrived_ns: int) -> int:
        """When the sample was taken, ns of our clock: never after it arrived, never before the sample before it."""
        ours_ns = arrived_ns if stamp_ns is None else stamp_ns + self._offset_ns(arrived_ns - stamp_ns, arrived_ns)
        self._last_ns = max(self._last_ns, min(ours_ns, arrived_ns))
        return self._last_ns

    def _offset_ns(self, delay_ns: int, arrived_ns: int) -> int:
        self._watch_for_a_step(delay_ns)
        bucket = arrived_ns // BUCKET_NS
        if self._buckets and self._buckets[-1][0] == bucket:
            self._buckets[-1] = (bucket, min(delay_ns, self._buckets[-1][1]))
        else:
            self._buckets.append((bucket, delay_ns))
        while self._buckets[0][0] <= bucket - WINDOW:
            self._buckets.popleft()
        return min(delay for _, delay in self._buckets)

    def _watch_for_a_step(self, delay_ns: int) -> None:
        smallest = min((delay for _, delay in self._buckets), default=delay_ns)
        self._late = self._late + 1 if delay_ns - smallest > STEP_NS else 0
        if self._late == STEP_SAMPLES:
            self._buckets.clear()
            self._late = 0
