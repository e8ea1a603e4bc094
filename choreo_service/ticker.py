"""The tick: an absolute grid. Missed slots are skipped and counted; it neither drifts nor bursts.

Two ticks are at least half a period apart: of a slot more than half over, nothing is played but the next.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Final, NamedTuple

from choreo_service.clock import MS, Clock

# After a stall this long the tick that is overdue would find a sensor silent, only because what came meanwhile hasn't
# been read: samples read now belong to a later tick unless it is known when they were received. So the next slot to
# come is played instead.
LONG_NS: Final = 100 * MS
# Turns of the loop in which sensors may read after a stall what came meanwhile: one, and one more for so many missed
# slots. A receiver reads 64 samples in one, so that keeps up with 800 a second; a flood, which fills as many turns as
# it is given, must not keep an overloaded tick from its slots.
SLOTS_A_TURN: Final = 4
CATCH_UP_TURNS: Final = 32  # at most
_AFTER: Final = 0.3  # of a period after a tick was due


class Tick(NamedTuple):
    """One slot of the grid that is being played."""

    k: int  # slot number since the start
    dk: int  # slots since the last one played; > 1 after a skip
    due_ns: int  # start + k * period
    late_ns: int  # how long after its due time it began


class Ticker:
    """Iterate to be woken at each slot. The first slot is due one period after `start_ns`, or, where the grid was
    begun by somebody else, after slot `played`. `behind` tells whether input may wait unread."""

    def __init__(
        self,
        clock: Clock,
        *,
        period_ns: int,
        start_ns: int,
        played: int = 0,
        behind: Callable[[], bool] = lambda: False,
    ) -> None:
        self._clock, self.period_ns, self.start_ns, self._played = clock, period_ns, start_ns, played
        self._behind = behind
        self._stopped = False

    def stop(self) -> None:
        """End the iteration at the next slot."""
        self._stopped = True

    async def ticks(self) -> AsyncIterator[Tick]:
        last, k, waited = self._played, self._played + 1, False
        while True:
            due_ns = self.start_ns + k * self.period_ns
            await self._clock.sleep_until(due_ns)
            if missed := self._missed(due_ns):
                await self._catch_up(due_ns, min(CATCH_UP_TURNS, 1 + missed // SLOTS_A_TURN))
            if self._stopped:
                return
            missed = self._missed(due_ns)
            k += missed
            due_ns += missed * self.period_ns
            late_ns = self._clock.now_ns() - due_ns
            if not waited and (missed * self.period_ns >= LONG_NS or late_ns > self.period_ns // 2):
                k, waited = k + 1, True
                continue
            yield Tick(k, k - last, due_ns, late_ns)
            last, k, waited = k, k + 1, False

    def _missed(self, due_ns: int) -> int:
        """Slots gone by since the one that was due then."""
        return (self._clock.now_ns() - due_ns) // self.period_ns

    async def _catch_up(self, due_ns: int, turns: int) -> None:
        for _ in range(turns):
            await self._clock.sleep_until(due_ns)  # that time is over: one turn for everybody else
            if not self._behind():
                return


async def between_ticks(clock: Clock, period_ns: int, last_due_ns: int, *, apart: int = 1) -> None:
    """Wait for a moment at which a tick's work is done and most of the period is left, `apart` slots from now on;
    `last_due_ns` is when the newest tick was due."""
    slots = (clock.now_ns() - last_due_ns) // period_ns + apart
    await clock.sleep_until(last_due_ns + slots * period_ns + round(_AFTER * period_ns))
