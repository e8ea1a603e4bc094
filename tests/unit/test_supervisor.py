"""Adapters are brought back for ever, with growing jittered waits; only a first-start configuration error is fatal."""

import asyncio
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from choreo_service.clock import NS, VirtualClock, run_virtual
from choreo_service.errors import ITS_NAME, AdapterConfigError, AdapterLost
from choreo_service.supervisor import AdapterEvent, Backoff, Supervisor

BACKOFF = Backoff(base_s=0.25, cap_s=5.0, healthy_s=10.0)


def supervised(script: list[tuple[float, BaseException | None]]) -> tuple[list[AdapterEvent], VirtualClock]:
    """Run an adapter whose n-th life lasts script[n][0] seconds and ends with script[n][1]."""
    clock = VirtualClock(start_ns=0)
    supervisor = Supervisor(clock, backoff=BACKOFF)
    events: list[AdapterEvent] = []
    supervisor.hooks.append(events.append)
    lives = iter(script)

    async def run() -> None:
        seconds, error = next(lives)
        await clock.sleep_until(clock.now_ns() + round(seconds * NS))
        if error:
            raise error

    run_virtual(clock, supervisor.supervise("strap", run))
    return events, clock


def test_a_lost_adapter_comes_back_and_says_how_long_it_was_away() -> None:
    events, _ = supervised([(3, AdapterLost("gone")), (0, OSError("still gone")), (2, None)])
    assert [e.state for e in events] == ["starting", "up", "down", "starting", "down", "starting", "up", "stopped"]
    downs = [e for e in events if e.state == "down"]
    assert [e.tries for e in downs] == [1, 2]
    assert downs[1].cause == "OSError: still gone"
    back = [e for e in events if e.state == "up"][-1]
    assert back.down_s == pytest.approx(sum(e.wait_s for e in downs))


def test_what_to_type_names_the_adapter_as_its_user_does() -> None:
    fix = f"-o sensors.{ITS_NAME}.port=9001"
    with pytest.raises(AdapterConfigError) as raised:
        supervised([(0, AdapterConfigError("in use", fix=fix))])
    assert raised.value.fix == "-o sensors.strap.port=9001"
    events, _ = supervised([(0, AdapterLost("in use", fix=fix)), (1, None)])
    assert ["-o sensors.strap.port=9001" in e.cause for e in events if e.state == "down"] == [True]


def test_waits_grow_to_the_cap_and_a_healthy_life_resets_them() -> None:
    script: list[tuple[float, BaseException | None]] = [(0, OSError())] * 9
    events, _ = supervised([*script, (11, OSError()), (1, None)])
    waits = [e.wait_s for e in events if e.state == "down"]
    assert waits[0] <= 0.25
    assert 2.5 <= waits[8] <= 5.0
    assert waits[9] <= 0.25
    assert [e.tries for e in events if e.state == "down"] == [*range(1, 10), 1]


@given(st.integers(1, 10_000), st.integers())
def test_a_wait_is_jittered_within_half_of_its_bound(tries: int, seed: int) -> None:
    bound = min(5.0, 0.25 * 2 ** min(tries - 1, 10))
    assert bound / 2 <= BACKOFF.wait_s(tries, random.Random(seed)) <= bound


def test_a_configuration_error_at_the_start_is_the_users_to_mend() -> None:
    with pytest.raises(AdapterConfigError, match="port 9000"):
        supervised([(0, AdapterConfigError("port 9000 is in use"))])


def test_the_same_error_after_a_good_start_is_weather() -> None:
    events, _ = supervised([(3, AdapterLost("gone")), (0, AdapterConfigError("port 9000 is in use")), (1, None)])
    assert [e.state for e in events][-1] == "stopped"


def test_cancelling_stops_at_once() -> None:
    clock = VirtualClock()
    supervisor = Supervisor(clock, backoff=BACKOFF)

    async def main() -> None:
        task = asyncio.get_running_loop().create_task(supervisor.supervise("strap", asyncio.Event().wait))  # type: ignore[arg-type]
        await asyncio.sleep(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run_virtual(clock, main())
    assert supervisor.states == {"strap": "up"}
