"""Whether the machine keeps up: exact shares of the last ten seconds, one line when it lags and one when it is over."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shows import PERIOD, make_service
from structlog.testing import capture_logs

from choreo_service.clock import NS, VirtualClock, run_virtual
from choreo_service.lag import TOO_MANY, Lag
from choreo_service.ticker import Tick

SLOTS = 500  # ten seconds


def play(lag: Lag, k: int, steps: list[int]) -> int:
    """Ticks `steps` slots apart, after slot `k`; the last slot played."""
    for dk in steps:
        k += dk
        lag.observe(Tick(k, dk, k * PERIOD, 0))
    return k


@given(st.lists(st.sampled_from([1, 1, 1, 2, 7, 400, 900]), min_size=1, max_size=400))
def test_the_share_is_that_of_the_last_ten_seconds(steps: list[int]) -> None:
    lag = Lag(PERIOD)
    last = play(lag, 0, steps)
    played, k = set[int](), 0
    for dk in steps:
        k += dk
        played.add(k)
    skipped = sum(slot not in played for slot in range(max(1, last - SLOTS + 1), last + 1))
    assert lag.share == skipped / SLOTS


def test_one_slot_in_five_is_borne_and_more_is_lagging() -> None:
    borne, lagging = Lag(PERIOD), Lag(PERIOD)
    play(borne, 0, [1, 1, 1, 2] * 300)
    play(lagging, 0, [1, 1, 2] * 300)
    assert (borne.share, borne.since_ns) == (0.2, 0)
    assert (lagging.share, lagging.since_ns > 0) == (pytest.approx(0.25, abs=0.01), True)


def test_it_is_over_with_its_duration_when_few_are_skipped() -> None:
    lag = Lag(PERIOD)
    k = play(lag, 0, [2] * 500)
    began = lag.since_ns
    k = play(lag, k, [1] * 398)  # (500 - 398) / 2 skipped slots are left, 51
    assert lag.since_ns == began
    k = play(lag, k, [1] * 3)
    assert (lag.since_ns, lag.last_s) == (0, pytest.approx((k * PERIOD - began) / NS, abs=0.06))


def said(busy: list[tuple[float, float, float]], seconds: float) -> tuple[list[dict[str, Any]], list[str]]:
    """A show in which each tick between two seconds takes that many periods of the machine's time; what the log says of
    overload, and the health after each second."""
    clock, health = VirtualClock(), list[str]()
    service = make_service(clock, {}, {})
    began = clock.now_ns()

    def work(*_: object) -> None:
        at_s = (clock.now_ns() - began) / NS
        clock.advance(next((round(periods * PERIOD) for a, b, periods in busy if a <= at_s < b), 0))

    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            show = group.create_task(service.run(seconds=seconds))
            while not show.done():
                await asyncio.sleep(1.0)
                health.append(str(service.telemetry.snapshot()["health"]))

    service.listeners.append(work)
    with capture_logs() as lines:
        run_virtual(clock, main())
    return [dict(line) for line in lines if str(line["event"]).startswith("overload")], health


def test_overload_is_said_once_with_what_to_do_and_once_when_it_is_over() -> None:
    log, health = said([(5.0, 25.0, 1.5)], 45.0)
    assert [(line["event"], line["log_level"]) for line in log] == [("overload", "warning"), ("overload.over", "info")]
    assert log[0]["skipped"] > 0.2
    assert "engine.mapper=rules" in log[0]["hint"]
    assert 20.0 < log[1]["lasted_s"] < 30.0  # from a fifth of ten seconds on, until nine calm ones have passed
    assert [health[3], health[20], health[-1]] == ["on time", "lagging", "on time"]


def test_a_busy_machine_that_keeps_up_is_not_overloaded() -> None:
    log, health = said([(0.0, 30.0, 0.9)], 30.0)
    assert (log, set(health)) == ([], {"on time"})


def overloads(lag: Lag) -> int:
    """How often it begins to lag under a load that goes up and down around one slot in five."""
    k, began = 0, set[int]()
    for _ in range(20):
        for steps in ([1, 1, 2] * 300, [1, 1, 1, 1, 1, 2] * 150):
            for dk in steps:
                k = play(lag, k, [dk])
                began |= {lag.since_ns} - {0}
    return len(began)


def test_a_load_around_the_limit_is_one_overload(monkeypatch: pytest.MonkeyPatch) -> None:
    assert overloads(Lag(PERIOD)) == 1
    monkeypatch.setattr("choreo_service.lag.FEW", TOO_MANY)
    assert overloads(Lag(PERIOD)) > 10  # so this test can fail
