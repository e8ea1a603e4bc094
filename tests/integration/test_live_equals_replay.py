"""A live run and its exact replay give the same bytes: random arrivals, a crashing adapter, a stall, drops."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from shows import RandomArrivals, make_core, make_service

from choreo_service.clock import MS, Clock, MonotonicClock, VirtualClock, run_virtual
from choreo_service.commands import Tap, parse
from choreo_service.packets import LATENT_DIM, LatentPacket, Step
from choreo_service.protocols import Emit
from choreo_service.replay import Tape, first_difference, replay_tape
from choreo_service.service.show import Service
from choreo_service.testing import RecordingBridge
from choreo_service.testing.bridges import RecordingConfig

STALL_S = 0.13


def hog_the_loop() -> None:
    until = time.monotonic() + STALL_S
    while time.monotonic() < until:
        pass


class Staller:
    """Blocks the whole loop for 130 ms, as a paging laptop does."""

    def __init__(self, emit: Emit, clock: Clock, block: Callable[[], None]) -> None:
        self._clock, self._block = clock, block

    async def run(self) -> None:
        await self._clock.sleep_until(self._clock.now_ns() + 700 * MS)
        self._block()
        await asyncio.Event().wait()


def show(clock: Clock, block: Callable[[], None], *, seed: int, bound: int = 512) -> tuple[Service, Tape]:
    service = make_service(
        clock,
        {
            "phone": lambda e, c: RandomArrivals(e, c, seed=seed),
            "staller": lambda e, c: Staller(e, c, block),
        },
        {"sink": lambda w, c: RecordingBridge(RecordingConfig(), w, c)},
        bound=bound,
    )
    tape = Tape()
    service.listeners.append(tape)
    return service, tape


def assert_replays(service: Service, tape: Tape) -> None:
    replayed = list(replay_tape(make_core(), tape.entries))
    assert len(replayed) == len(tape.steps) > 50
    assert [d for a, b in zip(tape.steps, replayed, strict=True) if (d := first_difference(a, b))] == []
    assert service.telemetry.skipped >= 5  # the stall was there
    assert service.sensors["phone"].crashes > 0  # type: ignore[attr-defined]
    spread = {step.controls.tobytes() for step in tape.steps}
    assert len(spread) > len(tape.steps) // 2  # and the controls moved


@pytest.mark.parametrize("seed", range(5))
def test_virtual_clock(seed: int) -> None:
    clock = VirtualClock(start_ns=seed * 12345)
    service, tape = show(clock, lambda: clock.advance(130 * MS), seed=seed)
    run_virtual(clock, service.run(seconds=20))
    assert_replays(service, tape)


def test_with_a_buffer_so_small_that_it_drops() -> None:
    clock = VirtualClock()
    service, tape = show(clock, lambda: clock.advance(130 * MS), seed=3, bound=2)
    run_virtual(clock, service.run(seconds=20))
    assert service.ingress.counts()["phone"]["overflow"] > 0
    assert_replays(service, tape)


def test_the_same_seed_gives_the_same_show() -> None:
    digests = []
    for _ in range(2):
        clock = VirtualClock()
        service, tape = show(clock, lambda clock=clock: clock.advance(130 * MS), seed=11)  # type: ignore[misc]
        run_virtual(clock, service.run(seconds=5))
        digests.append([s.controls.tobytes() for s in tape.steps])
    assert digests[0] == digests[1]


def test_with_a_tempo_that_is_led_tapped_and_handed_over() -> None:
    """A body, a MIDI clock, taps and the desk: whatever moves the transport is a packet and comes again."""
    clock = VirtualClock()
    service, tape = show(clock, lambda: clock.advance(130 * MS), seed=5)

    async def main() -> None:
        play = asyncio.get_running_loop().create_task(service.run(seconds=30))
        put = service.ingress.emitter("clock")
        for n in range(1200):
            await clock.sleep_until(clock.now_ns() + 19_531_250)
            put("midi_clock", (float(0xFA if n == 100 else 0xF8), 0.0))
            if n in (10, 400, 700, 1000):
                leader = {10: "body", 400: "music", 700: "shared", 1000: "self"}[n]
                assert service.desk.submit(parse("policy", {"leader": leader}), "keyboard").ok
            if 1000 < n < 1180 and n % 25 == 0:
                assert service.desk.submit(Tap(), "keyboard").ok
        await play

    run_virtual(clock, main())
    tempi = [step.tempo for step in tape.steps if step.tempo is not None]
    assert {t.leader for t in tempi} == {"self", "body", "music", "shared"}
    assert {"own", "body", "midi_clock", "tap"} <= {t.source for t in tempi}
    assert_replays(service, tape)


@pytest.mark.slow
def test_real_clock(loop_factory: Callable[[], asyncio.AbstractEventLoop]) -> None:
    """Two real seconds: the promise is about a real clock's jitter, which can't be simulated."""

    async def live() -> tuple[Service, Tape]:
        service, tape = show(MonotonicClock(), hog_the_loop, seed=5)
        await service.run(seconds=2)
        return service, tape

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        service, tape = runner.run(live())
    assert_replays(service, tape)


def test_a_difference_is_found_and_named() -> None:
    clock = VirtualClock()
    service, tape = show(clock, lambda: clock.advance(130 * MS), seed=1)
    run_virtual(clock, service.run(seconds=3))
    entries = list(tape.entries)
    victim = next(i for i, e in enumerate(entries) if len(e.packets) > 1)
    entries[victim] = entries[victim]._replace(packets=entries[victim].packets[1:])
    replayed: list[Step] = list(replay_tape(make_core(), entries))
    found = [d for a, b in zip(tape.steps, replayed, strict=True) if (d := first_difference(a, b))]
    assert found[0].startswith(f"tick {entries[victim].k}: frame.motion: expected")


def test_a_latent_that_is_missing_on_one_side_is_a_difference() -> None:
    clock = VirtualClock()
    service, tape = show(clock, lambda: None, seed=1)
    run_virtual(clock, service.run(seconds=1))
    step, z = tape.steps[0], np.zeros((1, LATENT_DIM), np.float32)
    latent = LatentPacket(step.frame.k, step.frame.t_ns, z, z, z[:, 0], np.zeros((1, 4), np.bool_))
    modelled = replace(step, latent=latent)
    assert "latent" in first_difference(step, modelled)
    assert "latent" in first_difference(modelled, step)
    assert first_difference(modelled, modelled) == ""
    assert "latent.z:" in first_difference(modelled, replace(step, latent=replace(latent, z=z + 1)))
