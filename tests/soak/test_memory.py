"""Hours of a show in minutes: memory, file descriptors and threads of the whole service stay where they were.

`make soak` plays CHOREO_SOAK_MINUTES of virtual time, the normal tests two minutes: the dancer with her drop-outs, a
sensor that crashes, bridges that are lost and come back, a phone on a real socket.
"""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import Any, Final

import psutil
import pytest
from shows import RandomArrivals, make_service
from soak.holdings import DESCRIPTORS, THREADS, soak

from choreo_adapters.bridges.null import NullBridge, NullConfig
from choreo_adapters.bridges.osc_out import OscOut, OscOutConfig
from choreo_adapters.sensors.osc_motion import OscMotion
from choreo_adapters.sensors.synthetic import SyntheticDancer
from choreo_service.clock import Clock, MonotonicClock
from choreo_service.errors import AdapterLost
from choreo_service.packets import ControlPacket
from choreo_service.protocols import Emit, Sent

pytestmark = pytest.mark.usefixtures("no_log")

MINUTES: Final = float(os.environ.get("CHOREO_SOAK_MINUTES", "2"))


class FlakyBridge(NullBridge):
    """Its receiver vanishes every few seconds."""

    async def run(self) -> None:
        async with asyncio.timeout(7.0):
            await super().run()


class FlakyPhone(OscMotion):
    """A real socket, taken away after `life_s`."""

    life_s = 3.0

    def __init__(self, emit: Emit, clock: Clock) -> None:
        super().__init__(OscMotion.Config(port=0), emit, clock)
        self.runs = 0

    async def run(self) -> None:
        self.runs += 1
        try:
            async with asyncio.timeout(self.life_s):
                await super().run()
        except TimeoutError as error:
            raise AdapterLost("the interface is gone") from error


def dancer(emit: Emit, clock: Clock) -> SyntheticDancer:
    return SyntheticDancer(SyntheticDancer.Config(dropouts=True), emit, clock)


def crashing(emit: Emit, clock: Clock) -> RandomArrivals:
    return RandomArrivals(emit, clock, seed=3, crash=0.001)


def null(wires: Any, clock: Clock) -> NullBridge:
    return NullBridge(NullConfig(), wires, clock)


def flaky(wires: Any, clock: Clock) -> FlakyBridge:
    return FlakyBridge(NullConfig(), wires, clock)


SENSORS: Final[Mapping[str, Any]] = {"dancer": dancer, "crashing": crashing, "phone": FlakyPhone}
BRIDGES: Final[Mapping[str, Any]] = {"null": null, "flaky": flaky}


def test_memory_descriptors_and_threads_stay_where_they_were() -> None:
    holdings = soak(MINUTES, SENSORS, BRIDGES)
    print(f"{MINUTES:g} min: {holdings.slope:+.1f} B/s traced, {holdings.resident_growth:+.0f} B resident, ", end="")
    print(f"descriptors {holdings.most(DESCRIPTORS)}, threads {holdings.most(THREADS)} at most in each half")
    holdings.check()


class Hoarder(NullBridge):
    """Keeps every packet, as a bridge with an unbounded queue does."""

    def __init__(self, wires: Any, clock: Clock) -> None:
        super().__init__(NullConfig(), wires, clock)
        self.packets: list[ControlPacket] = []

    def send(self, control: ControlPacket, names: Sequence[str]) -> Sent:
        self.packets.append(control)
        return super().send(control, names)


class Forgetful:
    """Takes something at each start and doesn't give it back."""

    def __init__(self, take: Callable[[], object]) -> None:
        self._take = take

    async def run(self) -> None:
        self._take()
        await asyncio.sleep(2.0)
        raise AdapterLost("as often as it likes")


def test_a_bridge_that_keeps_what_it_is_given_is_seen() -> None:
    holdings = soak(1, {"dancer": dancer}, {"hoarder": Hoarder})
    with pytest.raises(AssertionError, match="memory grows"):
        holdings.check()


def test_a_sensor_that_forgets_to_close_is_seen() -> None:
    with ExitStack() as opened:
        leaky = Forgetful(lambda: opened.enter_context(socket.socket()))
        holdings = soak(1, {"leaky": lambda emit, clock: leaky}, BRIDGES)
    with pytest.raises(AssertionError, match="descriptors"):
        holdings.check()


def test_a_sensor_that_leaves_threads_behind_is_seen() -> None:
    over = threading.Event()
    leaky = Forgetful(lambda: threading.Thread(target=over.wait).start())
    try:
        holdings = soak(1, {"leaky": lambda emit, clock: leaky}, BRIDGES)
    finally:
        over.set()
    with pytest.raises(AssertionError, match="threads"):
        holdings.check()


class HastyPhone(FlakyPhone):
    life_s = 0.02


class HastyOsc(OscOut):
    """A receiver that is lost again and again."""

    def __init__(self, wires: Any, clock: Clock) -> None:
        super().__init__(OscOutConfig(), wires, clock)
        self.runs = 0

    async def run(self) -> None:
        self.runs += 1
        async with asyncio.timeout(0.05):
            await super().run()


def test_in_real_time_sixty_reconnects_cost_no_descriptor(
    loop_factory: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    clock = MonotonicClock()
    phones = {f"phone{i}": HastyPhone for i in range(8)}
    service = make_service(clock, phones, {"osc": HastyOsc, "osc2": HastyOsc}, exit_ease_s=0.02)

    adapters: list[Any] = [*service.sensors.values(), *service.bridges.values()]

    counts: list[tuple[int, int]] = []  # (connections so far, descriptors)

    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(service.run())
            while (made := sum(a.runs for a in adapters)) < 120:
                await asyncio.sleep(0.005)
                counts.append((made, psutil.Process().num_fds()))
            service.stop()

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(asyncio.sleep(0))  # uvloop opens a pipe for the whole process with its first loop
    before = psutil.Process().num_fds()
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main())
    most = [max(fds for made, fds in counts if lo <= made < hi) for lo, hi in ((0, 60), (60, 120))]
    assert most[1] <= most[0] + len(service.bridges)  # as many sockets at a time as there are adapters, never more
    assert psutil.Process().num_fds() == before
