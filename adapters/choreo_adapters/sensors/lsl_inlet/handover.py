"""From the thread that listens to the loop that plays: bounded, newest first kept, never waiting."""

from __future__ import annotations

from asyncio import AbstractEventLoop
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

BOUND: Final = 1024  # samples between thread and loop: ten seconds at 100 Hz
TURN: Final = 128  # samples in a row, after a stall, before others get the loop


@dataclass(frozen=True, slots=True)
class Sample:
    """One LSL sample as it was pulled."""

    values: Sequence[float]  # all channels
    stamp_ns: int | None  # the sender's clock; None where its stamp was nonsense
    rx_ns: int  # when it came, on our clock


class Handover:
    """`put` belongs to the thread, everything else to the loop. The oldest samples give way when the loop stalls.

    There is no lock: deques are safe by themselves, and `_called` is cleared before they are emptied, so a sample put
    in between at worst calls once too often.
    """

    def __init__(self, loop: AbstractEventLoop, take: Callable[[Sample], None], lost: Callable[[int], None]) -> None:
        """`take` gets each sample, `lost` the number of samples that had to give way."""
        self._loop = loop
        self._take = take
        self._lost = lost
        self._samples: deque[Sample] = deque()
        self._dropped: deque[int] = deque()
        self._called = False
        self._closed = False

    def put(self, samples: Sequence[Sample]) -> None:
        """Queue a batch and wake the loop, unless it has been called already."""
        self._samples.extend(samples)
        excess = len(self._samples) - BOUND
        if excess > 0:
            self._dropped.append(sum(self._drop() for _ in range(excess)))
        if not self._called and not self._closed:
            self._called = True
            self._loop.call_soon_threadsafe(self._deliver)

    def close(self) -> None:
        """Deliver nothing any more."""
        self._closed = True

    def _drop(self) -> int:
        try:
            self._samples.popleft()
        except IndexError:  # the loop was quicker
            return 0
        return 1

    def _deliver(self) -> None:
        self._called = False
        while self._dropped and not self._closed:
            self._lost(self._dropped.popleft())
        for _ in range(min(TURN, len(self._samples))):
            if self._closed or not self._samples:
                return
            self._take(self._samples.popleft())
        if self._samples and not self._closed:
            self._called = True
            self._loop.call_soon(self._deliver)
