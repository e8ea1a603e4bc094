"""What radio does to a show: a phone on bad Wi-Fi and a heart strap that is lost in every way, repeatable."""

from __future__ import annotations

import heapq
import itertools
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from choreo_adapters.sensors.synthetic import SyntheticDancer
from choreo_service.clock import NS, Clock
from choreo_service.errors import AdapterLost
from choreo_service.protocols import Emit

LOSS: Final = 0.05
GAP_S: Final = 0.3  # nothing comes, then everything at once
OUTAGE_S: Final = 5.0  # nothing comes, and it is lost
OVERTAKEN: Final = 0.02  # of the datagrams, by those of the next 60 ms
KINDS: Final = ("drop", "stall", "bluetoothd")


@dataclass(frozen=True)
class Span:
    """From and to, s of the show."""

    begin: float
    end: float
    kind: str = ""

    def holds(self, t_s: float) -> bool:
        return self.begin <= t_s < self.end


def spans(rng: random.Random, length_s: float, every_s: float, shortest: float, longest: float) -> list[Span]:
    """One in every `every_s`, somewhere in its middle."""
    out = []
    for begin in itertools.takewhile(lambda t: t + every_s <= length_s, itertools.count(0.0, every_s)):
        lasts = rng.uniform(shortest, longest)
        at = begin + rng.uniform(0.1 * every_s, 0.9 * every_s - lasts)
        out.append(Span(at, at + lasts, KINDS[len(out) % len(KINDS)]))
    return out


class WeakWifi:
    """An Emit that loses, delays, reorders and bunches what a phone sends. What is on its way is delivered with the
    next datagram that is sent, stamped with the time it came, as a kernel does."""

    def __init__(self, emit: Emit, clock: Clock, rng: random.Random, gaps: Sequence[Span], outages: Sequence[Span]):
        self._emit, self._clock, self._rng = emit, clock, rng
        self._gaps, self._outages = gaps, outages
        self._start_ns = clock.now_ns()
        self._air: list[tuple[int, int, Any]] = []
        self._sent = itertools.count()
        self.lost = self.overtaken = 0

    def __call__(self, stream: str, values: Sequence[float], **how: Any) -> None:
        now_ns, number = self._clock.now_ns(), next(self._sent)
        sent_ns = min(now_ns, how.get("rx_ns") or now_ns)
        while self._air and self._air[0][0] <= now_ns:
            due_ns, _, (name, numbers) = heapq.heappop(self._air)
            self._emit(name, numbers, source="192.0.2.7", rx_ns=due_ns)
        t_s = (sent_ns - self._start_ns) / NS
        if any(o.holds(t_s) for o in self._outages) or self._rng.random() < LOSS:
            self.lost += 1
            return
        delay_s = self._rng.uniform(0.001, 0.008)
        if self._rng.random() < OVERTAKEN:
            delay_s += 0.06
            self.overtaken += 1
        waits = [g.end - t_s for g in self._gaps if g.holds(t_s)]
        heapq.heappush(self._air, (sent_ns + round(max([delay_s, *waits]) * NS), number, (stream, tuple(values))))

    def rejected(self, cause: str, *, source: str = "", count: int = 1) -> None:
        self._emit.rejected(cause, source=source, count=count)


class Phone:
    """A dancing phone on weak Wi-Fi; it sends motion alone."""

    def __init__(self, emit: Emit, clock: Clock, rng: random.Random, gaps: list[Span], outages: list[Span]) -> None:
        self._clock = clock
        self._emit, self._how = emit, (rng, gaps, outages)

    async def run(self) -> None:
        self.wifi = WeakWifi(self._emit, self._clock, *self._how)

        def motion(stream: str, values: Sequence[float], **how: Any) -> None:
            if stream in ("acceleration", "rotation_rate"):
                self.wifi(stream, values, **how)

        await SyntheticDancer(SyntheticDancer.Config(seed=4, heart=False), motion, self._clock).run()


class Strap:
    """A heart strap, one message a second. `drop` and `bluetoothd`: the link is lost with an error, at the second kind
    again at each attempt; `stall`: nothing comes and nobody says why, then what a strap without skin says."""

    def __init__(self, emit: Emit, clock: Clock, rng: random.Random, losses: list[Span]) -> None:
        self._emit, self._clock, self._rng, self._losses = emit, clock, rng, losses
        self._start_ns = clock.now_ns()
        self._beat_s = 0.0  # time of the last beat
        self.attempts = 0

    async def run(self) -> None:
        self.attempts += 1
        while True:
            now_ns = self._clock.now_ns()
            t_s = (now_ns - self._start_ns) / NS
            kind = next((loss.kind for loss in self._losses if loss.holds(t_s)), "")
            if kind == "bluetoothd":
                raise AdapterLost("org.freedesktop.DBus.Error.ServiceUnknown")
            if kind == "drop":
                await self._clock.sleep_until(now_ns + 4 * NS)  # a connection that is attempted in vain
                raise AdapterLost("the strap is out of range")
            if kind == "stall":
                if self._rng.random() < 0.3:
                    self._emit("heart_rate", (self._rng.choice((0.0, 255.0)),), source="strap")
            else:
                self._tell(t_s)
            await self._clock.sleep_until(now_ns + NS)

    def _tell(self, t_s: float) -> None:
        bpm = 120.0 + 35.0 * math.sin(2.0 * math.pi * t_s / 170.0)
        self._emit("heart_rate", (float(round(bpm)),), source="strap")
        self._beat_s = max(self._beat_s, t_s - 2.0)  # beats while the link was down were never sent
        while self._beat_s + 60.0 / bpm <= t_s:
            self._beat_s += 60.0 / bpm
            self._emit("rr_interval", (60.0 / bpm + self._rng.gauss(0.0, 0.01),), source="strap")
