"""The tick: an absolute grid. Missed slots are skipped and counted; it neither drifts nor bursts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final, NamedTuple

from choreo_service.clock import MS, Clock

# After a stall this long the tick that is overdue would find motion silent, only because what came meanwhile hasn't
# been read: samples read now belong to a later tick. So the next slot to come is played instead.
LONG_NS: Final = 100 * MS


class Tick(NamedTuple):
    """One slot of the grid that is being played."""

    k: int  # slot number since the start
    dk: int  # slots since the last one played; > 1 after a skip
    due_ns: int  # start + k * period
    late_ns: int  # how long after its due time it began


class Ticker:
    """Iterate to be woken at each slot. The first slot is due one period after `start_ns`, or, where the grid was
    begun by somebody else, after slot `played`."""

    def __init__(self, clock: Clock, *, period_ns: int, start_ns: int, played: int = 0) -> None:
        self._clock, self.period_ns, self.start_ns, self._played = clock, period_ns, start_ns, played
        self._stopped = False

    def stop(self) -> None:
        """End the iteration at the next slot."""
        self._stopped = True

    async def ticks(self) -> AsyncIterator[Tick]:
        last, k, waited = self._played, self._played + 1, False
        while True:
            due_ns = self.start_ns + k * self.period_ns
            await self._clock.sleep_until(due_ns)
            if self._stopped:
                return
            missed = (self._clock.now_ns() - due_ns) // self.period_ns
            k += missed
            if missed * self.period_ns >= LONG_NS and not waited:
                k, waited = k + 1, True
                continue
            due_ns += missed * self.period_ns
            yield Tick(k, k - last, due_ns, self._clock.now_ns() - due_ns)
            last, k, waited = k, k + 1, False
