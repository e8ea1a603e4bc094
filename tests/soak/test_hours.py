"""A recorded show of hours in virtual time: memory stays where it was, and every counter agrees with every other.

The normal tests play two minutes; `make soak HOURS=24` a day, of which an hour takes some minutes.
"""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from shows import PERIOD, make_recorder
from soak.holdings import DESCRIPTORS, SAMPLE_S, THREADS, Holdings, soak

from choreo_adapters.bridges.null import NullBridge, NullConfig
from choreo_adapters.sensors.synthetic import SyntheticDancer
from choreo_service.clock import Clock
from choreo_service.core import Core
from choreo_service.disk import DiskFile
from choreo_service.packets import CONTROLS, SensorPacket, Step
from choreo_service.protocols import Emit
from choreo_service.recorder import Recorder
from choreo_service.service.show import Service
from choreo_service.ticker import Tick

pytestmark = pytest.mark.usefixtures("no_log")

HOURS: Final = float(os.environ.get("CHOREO_SIM_HOURS", "0.034"))
UNTRACED_H: Final = 2.0  # from here on blocks are counted: a day takes an hour then, and not most of a night
WRITE_TICKS: Final = 10
LO, HI = (np.array([getattr(control, end) for control in CONTROLS.values()]) for end in ("lo", "hi"))
SLACK: Final = 1e-6  # of float32


class EndlessDisk:
    """Takes everything and keeps only its length, so that what is recorded isn't mistaken for a leak."""

    def __init__(self) -> None:
        self.bytes = 0  # of all streams

    def exists(self, path: Path) -> bool:
        return False

    def make_folder(self, path: Path) -> None:
        """Nothing to make."""

    def create(self, path: Path) -> DiskFile:
        return EndlessFile(self)

    def put(self, path: Path, content: bytes) -> None:
        """The manifest and the state are no part of the streams."""

    def lock(self, path: Path) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()

    def free_bytes(self, path: Path) -> int:
        return 1 << 50


class EndlessFile:
    def __init__(self, disk: EndlessDisk) -> None:
        self._disk = disk

    def write_at(self, data: bytes, offset: int) -> None:
        self._disk.bytes += len(data)

    def truncate(self, size: int) -> None:
        raise AssertionError("nothing was torn")

    def sync(self) -> None:
        """It is as safe as it will be."""

    def close(self) -> None:
        """Nothing to close."""


class Ledger:
    """A listener that counts everything a second time, and lets the recorder write."""

    def __init__(self) -> None:
        self.disk = EndlessDisk()
        self.ticks = 0
        self._start_ns: int | None = None
        self._taken: Counter[str] = Counter()  # sensor -> samples
        self.service: Service

    def recorder(self, clock: Clock, core: Core) -> Recorder:
        return make_recorder(clock, core, Path("/recordings"), self.disk)

    def prepare(self, service: Service) -> None:
        self.service = service
        service.listeners.append(self)
        service.recorder.start("hours")

    def __call__(self, tick: Tick, packets: Sequence[SensorPacket], step: Step) -> None:
        if self._start_ns is None:
            self._start_ns = tick.due_ns - PERIOD
        self.ticks += 1
        assert tick.k == self.ticks
        assert tick.due_ns == self._start_ns + self.ticks * PERIOD  # in whole nanoseconds: no drift
        assert ((step.controls >= LO - SLACK) & (step.controls <= HI + SLACK)).all(), step.controls  # nor NaN
        for packet in packets:
            self._taken[packet.source_id.partition(":")[0]] += 1
        if self.ticks % WRITE_TICKS == 0:
            self.write()

    def write(self) -> None:
        self.service.recorder.work()
        self.service.recorder.sync()

    def check(self, hours: float) -> None:
        """AssertionError names the counter that is wrong."""
        ingress, telemetry, facts = self.service.ingress, self.service.telemetry, self.service.recorder.health()
        assert telemetry.ticks == self.ticks == pytest.approx(hours * 180_000, abs=2)
        assert telemetry.skipped == 0
        overflow = sum(causes.get("overflow", 0) for causes in ingress.dropped.values())
        waiting = sum(len(queue) for queue in ingress._queues.values())
        accepted, taken = sum(ingress.accepted.values()), sum(self._taken.values())
        assert accepted == taken + waiting + overflow, f"{accepted} accepted, {taken} + {waiting} + {overflow}"
        assert facts["accepted"] == self.ticks, facts
        assert 0 <= facts["accepted"] - facts["written"] < WRITE_TICKS, facts
        assert facts["written"] - facts["durable"] <= 1.2e9 / PERIOD, facts
        assert facts["dropped"] == 0, facts
        assert facts["bytes"] == self.disk.bytes, facts


def dancer(emit: Emit, clock: Clock) -> SyntheticDancer:
    return SyntheticDancer(SyntheticDancer.Config(dropouts=True), emit, clock)


def null(wires: Any, clock: Clock) -> NullBridge:
    return NullBridge(NullConfig(), wires, clock)


def played(hours: float, ledger: Ledger) -> tuple[Ledger, Holdings]:
    holdings = soak(
        60 * hours,
        {"dancer": dancer},
        {"null": null},
        sample_s=max(SAMPLE_S, 3600 * hours / 500),
        traced=hours < UNTRACED_H,
        prepare=ledger.prepare,
        recorder=ledger.recorder,
    )
    return ledger, holdings


def test_hours_of_a_recorded_show_keep_memory_flat_and_counters_true() -> None:
    ledger, holdings = played(HOURS, Ledger())
    print(f"{HOURS:g} h, {ledger.ticks} ticks, {ledger.disk.bytes / 2**20:.1f} MiB recorded: ", end="")
    counted = "traced" if HOURS < UNTRACED_H else "in live blocks"
    print(f"{holdings.slope:+.1f} B/s {counted}, {holdings.resident_growth / 2**20:+.1f} MiB resident, ", end="")
    print(f"descriptors {holdings.most(DESCRIPTORS)}, threads {holdings.most(THREADS)} at most in each half")
    ledger.check(HOURS)
    holdings.check()


class Stuck(Ledger):
    """Nobody writes."""

    def write(self) -> None:
        """Not today."""


def test_a_writer_that_does_not_write_is_seen() -> None:
    ledger, holdings = played(0.02, Stuck())
    with pytest.raises(AssertionError, match="memory grows"):
        holdings.check()
    with pytest.raises(AssertionError, match="'bytes': 0"):
        ledger.check(0.02)


def test_a_counter_that_lies_is_seen() -> None:
    ledger, _ = played(0.01, Ledger())
    ledger.check(0.01)
    ledger.service.ingress.accepted["dancer"] += 1
    with pytest.raises(AssertionError, match="accepted"):
        ledger.check(0.01)
