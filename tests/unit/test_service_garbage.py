"""The collector runs between ticks: never on one, and often enough that memory stays flat."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Iterator

import pytest

from choreo_service.clock import MS, NS, VirtualClock, run_virtual
from choreo_service.service import garbage

PERIOD = 20 * MS


@pytest.fixture
def taken_over() -> Iterator[None]:
    garbage.take_over()
    yield
    garbage.give_back()


def tick(
    clock: VirtualClock, seconds: int, heard: Callable[[int, int], None], work: Callable[[], None] = lambda: None
) -> None:
    """For so many seconds, with `work` in each tick; `heard` gets (ns after the newest tick was due, generation) when a
    collection begins."""
    last = [0]

    def watch(phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            heard(clock.now_ns() - last[0], info["generation"])

    async def main() -> None:
        last[0] = clock.now_ns()
        collector = asyncio.get_running_loop().create_task(
            garbage.collect_between_ticks(clock, PERIOD, lambda: last[0])
        )
        for _ in range(seconds * NS // PERIOD):
            await clock.sleep_until(last[0] + PERIOD)
            last[0] += PERIOD
            work()
        collector.cancel()

    gc.callbacks.append(watch)
    try:
        run_virtual(clock, main())
    finally:
        gc.callbacks.remove(watch)


def test_it_runs_ten_times_a_second_with_most_of_the_period_left(taken_over: None) -> None:
    seen: list[tuple[int, int]] = []
    tick(VirtualClock(), 130, lambda after, generation: seen.append((after, generation)))
    assert {after for after, _ in seen} == {round(0.3 * PERIOD)}
    generations = [generation for _, generation in seen]
    assert len(generations) == pytest.approx(1300, abs=2)
    assert generations.count(1) == pytest.approx(130 - 2, abs=1)
    assert generations.count(2) == 2


@pytest.mark.parametrize("behind", [0, 1, 7])
def test_a_collection_keeps_off_the_ticks_when_slots_have_been_skipped(taken_over: None, behind: int) -> None:
    clock, seen = VirtualClock(), []

    async def main() -> None:
        last = clock.now_ns()
        clock.advance(behind * PERIOD + PERIOD // 2)
        gc.callbacks.append(lambda phase, info: seen.append((clock.now_ns() - last) % PERIOD))
        collector = asyncio.get_running_loop().create_task(garbage.collect_between_ticks(clock, PERIOD, lambda: last))
        await clock.sleep_until(last + 100 * PERIOD)
        collector.cancel()

    try:
        run_virtual(clock, main())
    finally:
        gc.callbacks.pop()
    assert set(seen) == {round(0.3 * PERIOD)}


def test_no_collection_has_more_to_look_at_than_a_few_ticks_leave_behind(taken_over: None) -> None:
    waiting: list[int] = []

    def litter() -> None:
        for _ in range(200):
            ring: list[object] = []
            ring.append(ring)

    tick(VirtualClock(), 5, lambda after, generation: waiting.append(gc.get_count()[0]), litter)
    assert len(waiting) > 40
    assert max(waiting) < 1500


def test_nobody_else_collects_meanwhile(taken_over: None) -> None:
    assert not gc.isenabled()
    assert gc.get_freeze_count() > 0


def test_afterwards_the_interpreter_collects_again(taken_over: None) -> None:
    garbage.give_back()
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0
