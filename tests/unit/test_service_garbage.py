"""The collector runs between ticks: never on one, and often enough that memory stays flat."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator

import pytest

from choreo_service.clock import MS, NS, VirtualClock, run_virtual
from choreo_service.service import garbage

PERIOD = 20 * MS


@pytest.fixture
def taken_over() -> Iterator[None]:
    garbage.take_over()
    yield
    garbage.give_back()


def passes(clock: VirtualClock, seconds: int) -> list[tuple[int, int]]:
    """(ns after the tick before it was due, generation) of each collection while `seconds` are ticked."""
    seen: list[tuple[int, int]] = []
    last = [0]

    def watch(phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            seen.append((clock.now_ns() - last[0], info["generation"]))

    async def ticks() -> None:
        for k in range(1, seconds * NS // PERIOD + 1):
            await clock.sleep_until(NS + k * PERIOD)
            last[0] = NS + k * PERIOD

    async def main() -> None:
        last[0] = clock.now_ns()
        collector = asyncio.get_running_loop().create_task(
            garbage.collect_between_ticks(clock, PERIOD, lambda: last[0])
        )
        await ticks()
        collector.cancel()

    gc.callbacks.append(watch)
    try:
        run_virtual(clock, main())
    finally:
        gc.callbacks.remove(watch)
    return seen


def test_it_runs_once_a_second_with_most_of_the_period_left(taken_over: None) -> None:
    seen = passes(VirtualClock(), 130)
    assert 110 <= len(seen) <= 130
    assert {after for after, _ in seen} == {round(0.3 * PERIOD)}
    assert [generation for _, generation in seen].count(2) == 2
    assert {generation for _, generation in seen} == {1, 2}


def test_nobody_else_collects_meanwhile(taken_over: None) -> None:
    assert not gc.isenabled()
    assert gc.get_freeze_count() > 0


def test_afterwards_the_interpreter_collects_again(taken_over: None) -> None:
    garbage.give_back()
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0
