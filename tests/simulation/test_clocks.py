"""Clocks that lie: the wall clock is set while the show plays, and the machine sleeps for ten minutes of it."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pytest
from shows import PERIOD, make_service
from simulation.parts import PHONE_NS, STRAP_NS
from simulation.show import play

from choreo_adapters.bridges.null import NullBridge, NullConfig
from choreo_service import clock as clock_module
from choreo_service.clock import NS, Clock, VirtualClock, run_virtual
from choreo_service.ingress import Ingress
from choreo_service.packets import CONTROLS, MODALITY_NAMES, ModalityState, SensorPacket, Step
from choreo_service.protocols import Emit
from choreo_service.ticker import Tick

SEEDS: Final = (3, 7, 19)
SECONDS: Final = 5.0
SLEEP_NS: Final = 600 * NS
AWAKE_NS: Final = 12 * NS  # before it sleeps
MOST_S: Final = 0.1  # of a rate limit in one tick, however long the tick before is ago
SLACK: Final = 1e-6  # of float32
SENSED: Final = [MODALITY_NAMES.index(name) for name in ("motion", "heart")]


class JumpyTime:
    """The `time` of a machine whose wall clock is set, by up to an hour, each time somebody looks."""

    def __init__(self) -> None:
        self._rng = random.Random(24)
        self.looks = 0

    def time_ns(self) -> int:
        self.looks += 1
        return time.time_ns() + round(self._rng.choice((-3600.0, -0.2, 0.2, 3600.0)) * NS)

    def __getattr__(self, name: str) -> Any:
        return getattr(time, name)


@pytest.fixture
def jumpy(monkeypatch: pytest.MonkeyPatch) -> JumpyTime:
    instead = JumpyTime()
    monkeypatch.setattr(clock_module, "time", instead)
    return instead


@pytest.fixture(scope="module")
def undisturbed() -> dict[int, str]:
    return {seed: play(seed, SECONDS).digest() for seed in SEEDS}


def test_a_wall_clock_that_is_set_changes_nothing_that_is_played(undisturbed: dict[int, str], jumpy: JumpyTime) -> None:
    assert {seed: play(seed, SECONDS).digest() for seed in SEEDS} == undisturbed
    assert jumpy.looks  # recordings do look at it


def test_a_service_that_goes_by_the_wall_clock_is_seen(
    undisturbed: dict[int, str], jumpy: JumpyTime, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = Ingress.put

    def by_the_wall(self: Ingress, *args: Any, **details: Any) -> bool:
        off_ns = clock_module.time.time_ns() - time.time_ns()
        received = details.get("rx_ns")
        return put(self, *args, **{**details, "rx_ns": received and received + off_ns})

    monkeypatch.setattr(Ingress, "put", by_the_wall)
    assert {seed: play(seed, SECONDS).digest() for seed in SEEDS} != undisturbed


class Dancer:
    """A phone and a strap that go on as soon as the machine is awake again."""

    def __init__(self, emit: Emit, clock: Clock, stream: str, period_ns: int) -> None:
        self._emit, self._clock, self._stream, self._period_ns = emit, clock, stream, period_ns

    async def run(self) -> None:
        while True:
            await self._clock.sleep_until(self._clock.now_ns() + self._period_ns)
            t_s = self._clock.now_ns() / NS
            swing = 6.0 * np.sin(2 * np.pi * 1.7 * t_s)
            self._emit(self._stream, [90.0] if self._stream == "heart_rate" else [swing, 0.0, 9.8 + swing])


class Lid:
    """Closed once, at AWAKE_NS into the show."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock

    async def run(self) -> None:
        begin_ns = self._clock.now_ns()
        await self._clock.sleep_until(begin_ns + AWAKE_NS)
        self._clock.advance(SLEEP_NS)
        await self._clock.sleep_until(begin_ns + SLEEP_NS + 2 * AWAKE_NS)


class Diary:
    """Of every tick: how many slots it is after the one before, states and controls."""

    def __init__(self) -> None:
        self.ticks: list[Tick] = []
        self.steps: list[Step] = []

    def __call__(self, tick: Tick, packets: Sequence[SensorPacket], step: Step) -> None:
        self.ticks.append(tick)
        self.steps.append(step)


@pytest.fixture(scope="module")
def night() -> Diary:
    clock, diary = VirtualClock(), Diary()
    service = make_service(
        clock,
        {
            "phone": lambda emit, c: Dancer(emit, c, "acceleration", PHONE_NS),
            "strap": lambda emit, c: Dancer(emit, c, "heart_rate", STRAP_NS),
            "lid": lambda emit, c: Lid(clock),
        },
        {"null": lambda wires, c: NullBridge(NullConfig(), wires, c)},
    )
    service.listeners.append(diary)
    run_virtual(clock, service.run((SLEEP_NS + 2 * AWAKE_NS) / NS))
    return diary


def _woken(night: Diary) -> int:
    """Index of the first tick after the sleep."""
    found = [i for i, tick in enumerate(night.ticks) if tick.dk > 1]
    assert len(found) == 1, "one sleep, one gap"
    return found[0]


def test_after_a_sleep_the_grid_goes_on_and_nothing_is_made_up_for(night: Diary) -> None:
    woken = night.ticks[_woken(night)]
    assert woken.dk == pytest.approx(SLEEP_NS / PERIOD, abs=2)  # the slot it woke in may be waited out
    assert woken.late_ns < PERIOD
    assert all(tick.due_ns == night.ticks[0].due_ns + (tick.k - 1) * PERIOD for tick in night.ticks)


def test_after_a_sleep_everything_sensed_is_missing_until_it_has_come_again(night: Diary) -> None:
    i = _woken(night)
    before, first, last = (night.steps[at].frame for at in (i - 1, i, -1))
    assert before.state[0, SENSED].tolist() == last.state[0, SENSED].tolist() == [ModalityState.LIVE] * len(SENSED)
    assert not first.present[0, SENSED].any()  # the phone may have said its first word in this very slot


def test_after_a_sleep_no_control_jumps(night: Diary) -> None:
    i = _woken(night)
    rate = np.array([control.rate_per_s for control in CONTROLS.values()])
    controls = np.stack([step.controls[0] for step in night.steps])
    moves = np.abs(np.diff(controls, axis=0))
    assert (moves[i - 1] <= rate * MOST_S + SLACK).all()
    assert (np.delete(moves, i - 1, axis=0) <= rate * PERIOD / NS + SLACK).all()
    assert moves[i:].max() > 0.001  # it plays on
