"""The grid is absolute: no drift, no burst, every missed slot counted."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from choreo_service.clock import MS, VirtualClock, run_virtual
from choreo_service.ticker import CATCH_UP_TURNS, SLOTS_A_TURN, Tick, Ticker

PERIOD = 20 * MS


def play(stalls: dict[int, int], until_k: int = 400) -> list[Tick]:
    """Ticks of a run in which handling tick k takes `stalls[k]` ns."""
    clock = VirtualClock(start_ns=1000)
    ticker = Ticker(clock, period_ns=PERIOD, start_ns=clock.now_ns())

    async def main() -> list[Tick]:
        ticks = []
        async for tick in ticker.ticks():
            ticks.append(tick)
            clock.advance(stalls.get(tick.k, 0))
            if tick.k >= until_k:
                ticker.stop()
        return ticks

    return run_virtual(clock, main())


def test_ticks_land_on_the_grid_from_one_period_after_the_start() -> None:
    ticks = play({})
    assert [(t.k, t.dk, t.due_ns, t.late_ns) for t in ticks[:3]] == [
        (1, 1, 1000 + PERIOD, 0),
        (2, 1, 1000 + 2 * PERIOD, 0),
        (3, 1, 1000 + 3 * PERIOD, 0),
    ]


def test_a_stall_of_70_ms_skips_two_slots_and_never_bursts() -> None:
    ticks = play({10: 70 * MS})
    after = ticks[10]
    assert (after.k, after.dk, after.late_ns) == (13, 3, 10 * MS)
    assert [t.dk for t in ticks[11:]] == [1] * (len(ticks) - 11)
    assert ticks[11].due_ns == 1000 + 14 * PERIOD


def test_of_a_slot_more_than_half_over_nothing_is_played_but_the_next() -> None:
    ticks = play({10: 50 * MS, 20: 50 * MS + 1, 30: 31 * MS})
    assert [(t.k, t.dk, t.late_ns) for t in ticks if t.dk > 1 or t.late_ns] == [
        (12, 2, 10 * MS),
        (23, 3, 0),
        (32, 2, 0),
    ]


def test_after_a_long_stall_it_waits_for_the_next_slot_so_that_what_came_meanwhile_is_read_before() -> None:
    ticks = play({10: 130 * MS})
    after = ticks[10]
    assert (after.k, after.dk, after.late_ns) == (17, 7, 0)
    assert [t.dk for t in ticks[11:]] == [1] * (len(ticks) - 11)


def test_one_long_stall_after_another_does_not_keep_it_from_ticking() -> None:
    class Stuck(VirtualClock):
        """Every wait takes ten slots more than it was asked for."""

        async def sleep_until(self, t_ns: int) -> None:
            await super().sleep_until(t_ns)
            self.advance(10 * PERIOD)

    async def main() -> list[Tick]:
        ticks = []
        async for tick in Ticker(stuck, period_ns=PERIOD, start_ns=stuck.now_ns()).ticks():
            ticks.append(tick)
            if len(ticks) == 3:
                break
        return ticks

    stuck = Stuck(start_ns=1000)
    ticks = run_virtual(stuck, main())
    assert [tick.late_ns for tick in ticks] == [0, 0, 0]
    assert [tick.dk for tick in ticks] == [42, 42, 42]  # two waits, and the slot it waits for


class Input:
    """Takes so many turns of the loop to be read, and as long as `turn_ns` each."""

    def __init__(self, clock: VirtualClock, turns: int, turn_ns: int) -> None:
        self._clock, self._left, self._turn_ns = clock, turns, turn_ns
        self.asked = 0

    def behind(self) -> bool:
        self.asked += 1
        if self._left:
            self._left -= 1
            self._clock.advance(self._turn_ns)
            return True
        return False


def first_after(stall: int, turns: int, turn_ns: int) -> tuple[Tick, Input]:
    """The first tick after a stall during which so much came in."""
    clock = VirtualClock(start_ns=1000)
    waiting = Input(clock, turns, turn_ns)

    async def main() -> Tick:
        ticker = Ticker(clock, period_ns=PERIOD, start_ns=clock.now_ns(), behind=waiting.behind)
        async for tick in ticker.ticks():
            if tick.dk > 1:
                return tick
            clock.advance(stall)
        raise AssertionError

    return run_virtual(clock, main()), waiting


def test_after_a_stall_it_waits_until_what_came_meanwhile_is_read_and_plays_the_slot_it_is_then() -> None:
    tick, _ = first_after(90 * MS, turns=1, turn_ns=15 * MS)
    assert (tick.k, tick.late_ns) == (1 + 5, 5 * MS)  # 105 ms after slot 1
    tick, _ = first_after(90 * MS, turns=0, turn_ns=15 * MS)
    assert (tick.k, tick.late_ns) == (1 + 4, 10 * MS)
    tick, waiting = first_after(310 * MS, turns=3, turn_ns=10 * MS)
    assert (tick.k, tick.late_ns, waiting.asked) == (1 + 18, 0, 4)  # 340 ms after slot 1, and the next one


def test_a_flood_keeps_it_for_so_many_turns_and_no_longer() -> None:
    tick, waiting = first_after(49 * MS, turns=10**9, turn_ns=MS // 10)
    assert (tick.k, waiting.asked) == (1 + 2, 1)
    tick, waiting = first_after(2010 * MS, turns=10**9, turn_ns=MS // 10)
    assert (tick.k, waiting.asked) == (1 + 101, 1 + 99 // SLOTS_A_TURN)
    _, waiting = first_after(60_000 * MS, turns=10**9, turn_ns=MS // 10)
    assert waiting.asked == CATCH_UP_TURNS


def test_a_tick_that_missed_no_slot_waits_for_nothing() -> None:
    clock = VirtualClock(start_ns=1000)

    async def main() -> list[Tick]:
        ticker = Ticker(clock, period_ns=PERIOD, start_ns=clock.now_ns(), behind=waiting.behind)
        ticks = []
        async for tick in ticker.ticks():
            ticks.append(tick)
            clock.advance(PERIOD + PERIOD // 2 if tick.k == 1 else 0)
            if len(ticks) == 3:
                ticker.stop()
        return ticks

    waiting = Input(clock, turns=10**9, turn_ns=MS)
    assert [(tick.k, tick.late_ns) for tick in run_virtual(clock, main())] == [(1, 0), (2, PERIOD // 2), (3, 0)]
    assert waiting.asked == 0


@given(st.dictionaries(st.integers(1, 390), st.integers(0, 3 * PERIOD), max_size=30))
def test_slots_played_and_skipped_add_up_and_ticks_are_half_a_period_apart(stalls: dict[int, int]) -> None:
    ticks = play(stalls)
    assert sum(t.dk for t in ticks) == ticks[-1].k
    for tick in ticks:
        assert tick.due_ns == 1000 + tick.k * PERIOD
        assert 0 <= tick.late_ns <= PERIOD // 2
    begun = [tick.due_ns + tick.late_ns for tick in ticks]
    assert all(later - earlier >= PERIOD // 2 for earlier, later in pairwise(begun))
