"""Samples cross from the thread to the loop in order, bounded, and leave room for others; stamps become our time."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from choreo_adapters.sensors.lsl_inlet.handover import BOUND, TURN, Handover, Sample
from choreo_adapters.sensors.lsl_inlet.spacing import STEP_SAMPLES, Spacing
from choreo_service.clock import MS, NS


def _samples(count: int, first: int = 0) -> list[Sample]:
    return [Sample((float(i),), None, i) for i in range(first, first + count)]


class _Receiver:
    def __init__(self) -> None:
        self.taken: list[int] = []
        self.lost: list[int] = []
        self.handover = Handover(asyncio.get_running_loop(), lambda s: self.taken.append(s.rx_ns), self.lost.append)


@pytest.mark.asyncio
async def test_batches_from_a_thread_arrive_in_order() -> None:
    receiver = _Receiver()
    for batch in range(3):
        await asyncio.to_thread(receiver.handover.put, _samples(10, 10 * batch))
    await asyncio.sleep(0)
    assert receiver.taken == list(range(30))
    assert receiver.lost == []


@pytest.mark.asyncio
async def test_after_a_stall_the_newest_are_kept_and_the_others_counted() -> None:
    receiver = _Receiver()
    receiver.handover.put(_samples(BOUND))
    receiver.handover.put(_samples(300, BOUND))
    for _ in range(BOUND // TURN + 1):
        await asyncio.sleep(0)
    assert receiver.taken == list(range(300, BOUND + 300))
    assert receiver.lost == [300]


@pytest.mark.asyncio
async def test_others_get_the_loop_between_turns() -> None:
    receiver = _Receiver()
    receiver.handover.put(_samples(3 * TURN))
    seen = []
    for _ in range(4):
        await asyncio.sleep(0)
        seen.append(len(receiver.taken))
    assert seen == [TURN, 2 * TURN, 3 * TURN, 3 * TURN]


@pytest.mark.asyncio
async def test_nothing_is_delivered_after_the_end() -> None:
    receiver = _Receiver()
    receiver.handover.put(_samples(5))
    receiver.handover.close()
    receiver.handover.put(_samples(5))
    await asyncio.sleep(0)
    assert receiver.taken == []


def test_a_chunk_is_spread_by_its_stamps() -> None:
    """Ten samples at 100 Hz, sent together every 0.1 s: they arrive in one instant and were taken 10 ms apart."""
    spacing, ours = Spacing(), []
    for chunk in range(5):
        arrived_ns = NS * 7 + (chunk + 1) * 100 * MS
        ours += [spacing.on_our_clock((10 * chunk + i + 1) * 10 * MS, arrived_ns) for i in range(10)]
    assert {later - sooner for sooner, later in pairwise(ours[10:])} == {10 * MS}
    assert ours[-1] == NS * 7 + 500 * MS


def test_a_slow_transfer_does_not_move_a_sample() -> None:
    spacing = Spacing()
    ours = [spacing.on_our_clock(i * 10 * MS, i * 10 * MS + delay * MS) for i, delay in enumerate([4, 1, 90, 60, 1])]
    assert ours[1:] == [11 * MS, 21 * MS, 31 * MS, 41 * MS]


def test_a_sender_whose_clock_is_set_back_is_followed() -> None:
    spacing = Spacing()
    spacing.on_our_clock(3600 * NS, 100 * NS)
    arrivals = [100 * NS + i * 10 * MS for i in range(1, STEP_SAMPLES + 10)]
    ours = [spacing.on_our_clock(arrived_ns - 99 * NS, arrived_ns) for arrived_ns in arrivals]
    assert ours[0] == 100 * NS  # held: never before the sample before it
    assert ours[-9:] == arrivals[-9:]


@given(st.lists(st.tuples(st.integers(-(2**62), 2**62) | st.none(), st.integers(0, 10**10)), max_size=80))
def test_our_time_never_decreases_and_is_never_after_arrival(pairs: list[tuple[int | None, int]]) -> None:
    spacing, arrived_ns, last_ns = Spacing(), NS, 0
    for stamp_ns, passed_ns in pairs:
        arrived_ns += passed_ns
        ours_ns = spacing.on_our_clock(stamp_ns, arrived_ns)
        assert last_ns <= ours_ns <= arrived_ns
        last_ns = ours_ns
