"""A third of the phone's datagrams lost, some doubled, some overtaken, and every few seconds 0.4 s held back: how old
what a tick plays is, by the phone's own time."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import Final

import numpy as np
import pytest
from numpy.typing import NDArray
from shows import make_service
from simulation.parts import PHONE_NS

from choreo_adapters.bridges.null import NullBridge, NullConfig
from choreo_service.clock import MS, NS, Clock, VirtualClock, run_virtual
from choreo_service.ingress import Ingress
from choreo_service.packets import SensorPacket, Step
from choreo_service.protocols import Emit
from choreo_service.ticker import Tick

SECONDS: Final = 20.0
LOST: Final = 0.3
DOUBLED: Final = 0.05
OVERTAKEN: Final = 0.05
DELAY_NS: Final = 4 * MS  # of every datagram, at least
OVERTAKEN_NS: Final = 60 * MS
BURST_NS: Final = 400 * MS  # held back, then all at once
BURST_EVERY_NS: Final = 5 * NS
MORE_NS: Final = 25 * MS  # beyond the burst


class WifiPhone:
    """100 Hz, each sample stamped by the phone when it is measured, delivered when the radio lets it."""

    def __init__(self, emit: Emit, clock: Clock) -> None:
        self._emit, self._clock = emit, clock
        self._rng = random.Random(12)
        self._air: list[tuple[int, int]] = []  # (due, measured)
        self.lost = self.doubled = self.overtaken = 0

    async def run(self) -> None:
        begin_ns = self._clock.now_ns()
        for i in range(round(SECONDS * NS / PHONE_NS)):
            measured_ns = begin_ns + i * PHONE_NS
            await self._clock.sleep_until(measured_ns)
            self._take_off(measured_ns, (measured_ns - begin_ns) % BURST_EVERY_NS)
            self._land()

    def _take_off(self, measured_ns: int, into_burst_ns: int) -> None:
        rng = self._rng
        if rng.random() < LOST:
            self.lost += 1
            return
        arrives_ns = measured_ns + DELAY_NS + round(rng.expovariate(1.0) * MS)
        if rng.random() < OVERTAKEN:
            self.overtaken += 1
            arrives_ns += OVERTAKEN_NS
        if into_burst_ns < BURST_NS:
            arrives_ns = max(arrives_ns, measured_ns - into_burst_ns + BURST_NS)
        times = 1 + (rng.random() < DOUBLED)
        self.doubled += times - 1
        self._air += [(arrives_ns, measured_ns)] * times

    def _land(self) -> None:
        now_ns = self._clock.now_ns()
        self._air.sort()
        while self._air and self._air[0][0] <= now_ns:
            arrived_ns, measured_ns = self._air.pop(0)
            swing = 5.0 * math.sin(2 * math.pi * 1.6 * measured_ns / NS)
            self._emit("acceleration", [swing, 0.0, 9.8 + swing], rx_ns=arrived_ns, source_ns=measured_ns)


class Ages:
    """Of the newest sample that any tick so far has played, at each tick, ns."""

    def __init__(self) -> None:
        self.ages_ns: list[int] = []
        self.finite = True
        self._newest_ns = 0

    def __call__(self, tick: Tick, packets: Sequence[SensorPacket], step: Step) -> None:
        self.finite &= bool(np.isfinite(step.controls).all())
        self._newest_ns = max([self._newest_ns, *(packet.source_ns or 0 for packet in packets)])
        self.ages_ns.append(tick.due_ns - self._newest_ns)


def play() -> tuple[WifiPhone, Ages]:
    clock, ages = VirtualClock(), Ages()
    phones: list[WifiPhone] = []

    def phone(emit: Emit, c: Clock) -> WifiPhone:
        phones.append(WifiPhone(emit, c))
        return phones[0]

    service = make_service(clock, {"phone": phone}, {"null": lambda wires, c: NullBridge(NullConfig(), wires, c)})
    service.listeners.append(ages)
    run_virtual(clock, service.run())
    return phones[0], ages


def p99_ms(ages: Ages) -> float:
    heard: NDArray[np.float64] = np.array(ages.ages_ns[50:], dtype=np.float64)  # the first second fills the air
    return float(np.percentile(heard, 99)) / MS


def test_what_is_played_is_no_older_than_the_longest_silence() -> None:
    phone, ages = play()
    sent = round(SECONDS * NS / PHONE_NS)
    assert phone.lost == pytest.approx(LOST * sent, rel=0.1)
    assert min(phone.doubled, phone.overtaken) > 0.02 * sent
    median_ms = float(np.median(ages.ages_ns)) / MS
    print(f"age of the newest sample: median {median_ms:.1f}, p99 {p99_ms(ages):.1f} ms, {sent} sent")
    assert p99_ms(ages) <= (BURST_NS + MORE_NS) / MS
    assert median_ms <= MORE_NS / MS  # between the bursts it has caught up
    assert ages.finite


def test_a_queue_that_is_not_emptied_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    take_until = Ingress.take_until
    waiting: list[SensorPacket] = []

    def one_at_a_time(self: Ingress, due_ns: int) -> list[SensorPacket]:
        waiting.extend(take_until(self, due_ns))
        return [waiting.pop(0)] if waiting else []

    monkeypatch.setattr(Ingress, "take_until", one_at_a_time)
    _, ages = play()
    assert p99_ms(ages) > (BURST_NS + MORE_NS) / MS
