"""The virtual clock jumps, the real one never wakes early."""

import asyncio
import subprocess
import sys

import pytest

from choreo_service.clock import MS, NS, MonotonicClock, VirtualClock, realtime_to_monotonic_ns, run_virtual

ASLEEP_S = 86_400
# To a process of this time namespace the machine has slept a day since it was started, and not been awake longer.
SLEPT = ("unshare", "--time", "--boottime", str(ASLEEP_S), sys.executable, "-c")
DIFFERENCE = "import time; from choreo_service.clock import monotonic_ns; print(monotonic_ns() - time.monotonic_ns())"


def test_virtual_sleepers_wake_in_order_at_exactly_their_time() -> None:
    clock = VirtualClock(start_ns=0)
    woken: list[tuple[str, int]] = []

    async def sleeper(name: str, t_ns: int) -> None:
        await clock.sleep_until(t_ns)
        woken.append((name, clock.now_ns()))

    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(sleeper("late", 3 * NS))
            group.create_task(sleeper("early", 1 * NS + 1))
            group.create_task(sleeper("past", -5))

    run_virtual(clock, main())
    assert woken == [("past", 0), ("early", NS + 1), ("late", 3 * NS)]


def test_an_hour_of_ticks_lands_on_every_nanosecond_of_the_grid() -> None:
    clock = VirtualClock(start_ns=123_456_789)

    async def main() -> list[int]:
        errors = []
        for k in range(180_000):
            due = 123_456_789 + k * 20 * MS
            await clock.sleep_until(due)
            errors.append(clock.now_ns() - due)
        return errors

    errors = run_virtual(clock, main())
    assert set(errors) == {0}


def test_asyncio_timers_follow_virtual_time() -> None:
    clock = VirtualClock()

    async def main() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(3600):
                await asyncio.sleep(7200)

    before = clock.now_ns()
    run_virtual(clock, main())
    assert clock.now_ns() - before >= 3600 * NS


def test_a_deadlock_is_an_error_not_a_hang() -> None:
    async def main() -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(RuntimeError, match="deadlock"):
        run_virtual(VirtualClock(), main())


def test_a_thread_is_waited_for_where_nothing_else_is() -> None:
    clock = VirtualClock(start_ns=0)

    async def main() -> str:
        return await asyncio.get_running_loop().run_in_executor(None, str, "done")

    assert run_virtual(clock, main()) == "done"
    assert clock.now_ns() == 0


def test_time_taken_by_work_delays_the_sleepers() -> None:
    clock = VirtualClock(start_ns=0)

    async def main() -> int:
        clock.advance(130 * MS)
        await clock.sleep_until(20 * MS)
        return clock.now_ns()

    assert run_virtual(clock, main()) == 130 * MS


@pytest.mark.asyncio
async def test_the_real_clock_never_returns_early() -> None:
    clock = MonotonicClock()
    for step_us in (1, 50, 400, 1500):
        due = clock.now_ns() + step_us * 1000
        await clock.sleep_until(due)
        assert clock.now_ns() >= due


def test_a_kernel_stamp_keeps_its_age() -> None:
    import time

    stamp = realtime_to_monotonic_ns(time.time_ns() - 5 * MS)
    age = MonotonicClock().now_ns() - stamp
    assert 5 * MS <= age < NS


def test_the_time_the_machine_sleeps_counts() -> None:
    try:
        subprocess.run((*SLEPT, "pass"), check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no time namespace of our own here (Linux, root): {error}")
    told = subprocess.run((*SLEPT, DIFFERENCE), check=True, capture_output=True, text=True)
    assert int(told.stdout) == pytest.approx(ASLEEP_S * NS, abs=NS)
