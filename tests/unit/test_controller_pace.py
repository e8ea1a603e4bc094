"""Each bridge at its own pace: throttle, delay in a bounded line, and an end that reaches the slowest."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from controller_stage import PERIOD, SAFE, Stage, path

from choreo_service.clock import MS, NS, VirtualClock, run_virtual
from choreo_service.controller import Controller, Pace
from choreo_service.packets import CONTROL_NAMES, ControlPacket
from choreo_service.protocols import Sent


class Heard:
    """Notes when what came."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self.log: list[tuple[int, float]] = []  # ms, density

    def send(self, control: ControlPacket, names: Sequence[str]) -> Sent:
        if "density" in names:
            self.log.append(((self._clock.now_ns() - NS) // MS, round(control.density, 6)))
        return tuple((n, control.value(n)) for n in names)

    def panic(self) -> None:
        self.log.append(((self._clock.now_ns() - NS) // MS, -1.0))


class Pair:
    """A bridge at once and one `late_ms` later, on one controller and a virtual clock that starts at 0 ms."""

    def __init__(self, late_ms: int, **pace: int) -> None:
        self.clock = VirtualClock()
        paces = {"late": Pace(delay_ns=late_ms * MS, **pace)}
        paths = {name: path(name) for name in CONTROL_NAMES}
        self.controller = Controller(paths, performers=1, period_ns=PERIOD, refresh_s=1.0, paces=paces)
        self.prompt, self.late = Heard(self.clock), Heard(self.clock)
        self.controller.attach("prompt", self.prompt)  # type: ignore[arg-type]
        self.controller.attach("late", self.late)  # type: ignore[arg-type]
        self._stage = Stage()
        self._stage.controller = self.controller

    async def tick(self, body: float) -> None:
        await self.clock.sleep_until(NS + self._stage.k * PERIOD)
        self._stage.k += 50  # a frame's time is k periods, and the clock starts at one second
        self._stage.tick(1, body=body)
        self._stage.k -= 50

    async def with_pump(self, ticks: Sequence[float], then_ms: int = 500) -> None:
        async with asyncio.TaskGroup() as tasks:
            pump = tasks.create_task(self.controller.pump(self.clock, "late"))
            for body in ticks:
                await self.tick(body)
            await self.clock.sleep_until(self.clock.now_ns() + then_ms * MS)
            pump.cancel()


@pytest.mark.parametrize("late_ms", [1, 35, 40, 300])
def test_a_delayed_bridge_gets_the_same_that_much_later(late_ms: int) -> None:
    pair = Pair(late_ms)
    run_virtual(pair.clock, pair.with_pump([0.1, 0.2, 0.3]))
    first = pair.prompt.log[0][0]
    assert [(ms - first, value) for ms, value in pair.prompt.log] == [(0, 0.1), (20, 0.2), (40, 0.3)]
    assert [(ms - late_ms, value) for ms, value in pair.late.log] == [(ms + 20, value) for ms, value in pair.prompt.log]


def test_what_is_told_as_sent_is_told_when_it_was_sent() -> None:
    pair = Pair(100)
    told: list[tuple[str, int]] = []
    pair.controller.on_sent.append(lambda name, packet, sent: told.append((name, pair.clock.now_ns())))
    run_virtual(pair.clock, pair.with_pump([0.1]))
    assert [name for name, _ in told] == ["prompt", "late"]
    assert told[1][1] - told[0][1] >= 100 * MS


def test_the_line_is_bounded_and_what_falls_out_is_counted() -> None:
    pair = Pair(100)

    async def without_pump() -> None:
        for i in range(50):
            await pair.tick(i / 50)

    run_virtual(pair.clock, without_pump())
    outlet = pair.controller._delivery.outlets["late"]
    assert len(outlet.take_due(1 << 62)) == 100 // 20 + 2
    assert outlet.dropped == 50 - (100 // 20 + 2)


def test_after_an_immediate_panic_nothing_older_follows() -> None:
    pair = Pair(300)

    async def show() -> None:
        async with asyncio.TaskGroup() as tasks:
            pump = tasks.create_task(pair.controller.pump(pair.clock, "late"))
            for body in (0.5, 0.6, 0.7):
                await pair.tick(body)
            pair.controller.panic()
            await pair.tick(0.8)
            pair.controller.panic()
            await pair.tick(0.9)
            await pair.clock.sleep_until(pair.clock.now_ns() + NS)
            pump.cancel()

    run_virtual(pair.clock, show())
    assert [value for _, value in pair.late.log] == [-1.0, SAFE]


def test_the_end_reaches_the_slowest_bridge_too() -> None:
    pair = Pair(300)

    async def show() -> None:
        await pair.tick(0.9)
        await pair.controller.ease_to_neutral(pair.clock, 0.1)

    run_virtual(pair.clock, show())
    assert pair.late.log[-1][1] == pair.prompt.log[-1][1] == 0.5


def test_after_a_panic_the_end_stays_where_it_is_safe() -> None:
    pair = Pair(0)

    async def show() -> None:
        await pair.tick(0.9)
        pair.controller.panic()
        for _ in range(20):
            await pair.tick(0.9)
        await pair.controller.ease_to_neutral(pair.clock, 0.1)

    run_virtual(pair.clock, show())
    assert pair.prompt.log[-1][1] == SAFE


def test_the_end_reaches_what_was_muted_from_where_its_receiver_was_left() -> None:
    pair = Pair(0)

    async def show() -> None:
        await pair.tick(0.9)
        pair.controller.mute("density")
        for _ in range(5):
            await pair.tick(0.1)
        await pair.controller.ease_to_neutral(pair.clock, 0.1)

    run_virtual(pair.clock, show())
    assert [value for _, value in pair.prompt.log] == pytest.approx([0.9, 0.82, 0.74, 0.66, 0.58, 0.5])


def test_a_panic_just_before_the_end_still_gets_to_safety() -> None:
    pair = Pair(0)

    async def show() -> None:
        await pair.tick(0.9)
        pair.controller.panic()
        await pair.tick(0.9)
        await pair.controller.ease_to_neutral(pair.clock, 0.1)

    run_virtual(pair.clock, show())
    assert pair.prompt.log[-1][1] == SAFE


def test_each_bridge_keeps_its_own_throttle() -> None:
    pair = Pair(0, throttle_ns=50 * MS)
    run_virtual(pair.clock, pair.with_pump([i / 10 for i in range(10)]))
    assert [round(value * 10) for _, value in pair.prompt.log] == list(range(10))
    assert [round(value * 10) for _, value in pair.late.log] == [0, 3, 6, 9]
