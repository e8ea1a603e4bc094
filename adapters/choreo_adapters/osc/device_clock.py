"""A device's own time stamps on our clock: when a sample was measured, instead of when Wi-Fi let it through."""

from __future__ import annotations

from collections import deque
from typing import Final

BUCKET_NS: Final = 1_000_000_000
WINDOW: Final = 30  # buckets; a phone's crystal drifts by 2 ms in 30 s
STEP_NS: Final = 100_000_000  # later than the quickest sample by more: a burst, or a device clock that was set back
STEP_SAMPLES: Final = 50  # in a row, then it was the clock
LATEST_NS: Final = 5_000_000_000  # no network holds a datagram back for longer
COARSE_NS: Final = 50_000_000  # the same stamp for longer: no stamp of a sample
COARSE_SAMPLES: Final = 5  # in a row; stragglers of one moment are fewer
PROVEN: Final = 20  # different stamps, before which arrival counts


class DeviceClock:
    """Maps stamps by the smallest delay seen: arrival - stamp is the clocks' difference plus a delay never below 0.

    The smallest difference of the last 30 s therefore belongs to the quickest sample; what remains of its delay, some
    constant milliseconds, can't be seen from one side. A result is never after the arrival and never before the result
    before, whatever the stamps say. Stamps that stand still are no use: a device with such a clock counts by arrival,
    and so does every device until its stamps have been seen to move.
    """

    def __init__(self) -> None:
        self.resets = 0  # device clock set back, or started anew
        self.coarse = False
        self._smallest: deque[tuple[int, int]] = deque(maxlen=WINDOW)  # (bucket, smallest arrival - stamp in it)
        self._offset = 0
        self._strange = 0
        self._stamp: tuple[int, int] | None = None  # the newest, and when it arrived first
        self._moved = 0  # times it moved, up to PROVEN
        self._still = 0
        self._last = -(1 << 62)

    @property
    def used(self) -> bool:
        """Whether any stamp was seen."""
        return self._stamp is not None

    def local(self, stamp_ns: int, arrival_ns: int) -> int:
        """When a sample stamped `stamp_ns` by the device was measured, by our clock; it arrived at `arrival_ns`."""
        self._watch_resolution(stamp_ns, arrival_ns)
        difference = arrival_ns - stamp_ns
        if self._stepped(difference):
            self._restart()
        self._learn(difference, arrival_ns // BUCKET_NS)
        measured = stamp_ns + self._offset if self._moved == PROVEN and not self.coarse else arrival_ns
        self._last = min(arrival_ns, max(measured, self._last))
        return self._last

    def _stepped(self, difference: int) -> bool:
        late = difference - self._offset if self._smallest else 0
        self._strange = self._strange + 1 if late > STEP_NS else 0
        return self._strange >= STEP_SAMPLES or late > LATEST_NS

    def _restart(self) -> None:
        self.resets += 1
        self._strange = 0
        self._smallest.clear()

    def _learn(self, difference: int, bucket: int) -> None:
        if self._smallest and self._smallest[-1][0] == bucket:
            if difference < self._smallest[-1][1]:
                self._smallest[-1] = (bucket, difference)
                self._offset = min(self._offset, difference)
            return
        self._smallest.append((bucket, difference))
        while self._smallest[0][0] <= bucket - WINDOW:
            self._smallest.popleft()
        self._offset = min(smallest for _, smallest in self._smallest)

    def _watch_resolution(self, stamp_ns: int, arrival_ns: int) -> None:
        if self._stamp is None or stamp_ns != self._stamp[0]:
            self._stamp, self._still = (stamp_ns, arrival_ns), 0
            self._moved = min(PROVEN, self._moved + 1)
        elif arrival_ns - self._stamp[1] > COARSE_NS:
            self._still += 1
            self.coarse = self.coarse or self._still >= COARSE_SAMPLES
