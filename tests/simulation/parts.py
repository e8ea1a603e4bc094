"""Simulated sensors, bridges, machine and operator of a show. All they do is drawn from seeds of their own."""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from simulation.faults import POISON, Plan

from choreo_service.clock import MS, NS, Clock, VirtualClock
from choreo_service.commands import COMMANDS, CommandError, parse
from choreo_service.desk import Ack, Desk
from choreo_service.errors import AdapterLost
from choreo_service.packets import CONTROL_NAMES, Accent, ControlPacket
from choreo_service.protocols import ControlWire, Emit, Sent
from choreo_service.testing import RecordingBridge
from choreo_service.testing.bridges import RecordingConfig

PHONE_NS: Final = 10 * MS
STRAP_NS: Final = NS
FLOOD: Final = 2000  # samples at one moment
STALLS_NS: Final = (30 * MS, 130 * MS, 500 * MS, 2 * NS)
LONGEST_STALL_NS: Final = STALLS_NS[-1]


class SimSensor:
    """A phone (100 Hz) or a strap (1 Hz) of one performer, with the faults of the plan."""

    def __init__(self, emit: Emit, clock: Clock, plan: Plan, kind: str, performer: int) -> None:
        self._emit, self._clock, self._plan, self._kind, self._performer = emit, clock, plan, kind, performer
        self._rng = random.Random(f"{plan.seed} {kind} {performer}")
        self._period_ns = PHONE_NS if kind == "phone" else STRAP_NS
        self._held: list[tuple[int, Sequence[float]]] = []  # taken but not arrived: (device time, values)
        self._device_ns = self._rng.randrange(1 << 40)

    async def run(self) -> None:
        while True:
            await self._clock.sleep_until(self._clock.now_ns() + round(self._period_ns * self._rng.uniform(0.7, 1.3)))
            self._device_ns += self._period_ns
            await self._strike()
            self._held.append((self._device_ns, self._sample()))
            self._deliver()

    async def _strike(self) -> None:
        for fault in sorted(self._plan.sensor):
            if self._rng.random() < self._plan.rate * self._period_ns / NS:
                await self._fault(fault)

    async def _fault(self, fault: str) -> None:
        rng, emit = self._rng, self._emit
        match fault:
            case "drop":
                self._held.append((self._device_ns, ()))
            case "gap" | "outage" | "burst":
                longest = {"gap": 0.4, "outage": 6.0, "burst": 0.3}[fault]
                begun, wait_ns = self._clock.now_ns(), round(rng.uniform(0.1, longest) * NS)
                if fault == "burst":  # what the radio held back arrives together
                    self._held += [(self._device_ns, self._sample()) for _ in range(wait_ns // self._period_ns)]
                await self._clock.sleep_until(begun + wait_ns)
            case "reorder":
                rng.shuffle(self._held)
            case "nan" | "huge":
                emit(self._stream, [rng.choice(POISON) for _ in range(self._width)], performer=self._performer)
            case "wrong width":
                emit(self._stream, [1.0] * rng.randrange(9), performer=self._performer)
            case "unknown stream":
                emit("theremin", [0.0])
            case "unknown performer":
                emit(self._stream, self._sample(), performer=rng.choice((-1, 99)))
            case "clock jump":
                self._device_ns += rng.randrange(-(1 << 50), 1 << 50)
            case "flood":
                for i in range(FLOOD):
                    emit(self._stream, self._sample(), performer=self._performer, source=f"stranger{i % 300}")
            case "crash":
                raise AdapterLost(f"{self._kind} went away") if rng.random() < 0.5 else ZeroDivisionError("a bug")
            case "silent death":
                await self._clock.sleep_until(self._clock.now_ns() + round(rng.uniform(1, 20) * NS))

    def _deliver(self) -> None:
        """Usually all that was taken; sometimes the newest stays behind and arrives after the next."""
        late = [self._held.pop()] if "reorder" in self._plan.sensor and self._rng.random() < 0.1 else []
        for device_ns, values in self._held:
            if values:
                rx_ns = self._clock.now_ns() - self._rng.randrange(2 * MS)
                self._emit(self._stream, values, performer=self._performer, rx_ns=rx_ns, source_ns=device_ns)
        self._held = late

    @property
    def _stream(self) -> str:
        return "acceleration" if self._kind == "phone" else "heart_rate"

    @property
    def _width(self) -> int:
        return 3 if self._kind == "phone" else 1

    def _sample(self) -> list[float]:
        t_s = self._clock.now_ns() / NS
        if self._kind == "strap":
            return [round(100.0 + 30.0 * math.sin(t_s / 20.0) + self._rng.gauss(0.0, 1.0))]
        swing = 4.0 * math.sin(2.0 * math.pi * 1.8 * t_s) * (1.0 + math.sin(t_s / 7.0))
        return [self._rng.gauss(0.0, 0.3), self._rng.gauss(0.3 * swing, 0.3), 9.81 + swing + self._rng.gauss(0.0, 0.1)]


Row = tuple[int, int, int, str, float]  # k, t_ns, performer, control, value


class SimBridge(RecordingBridge):
    """A receiver that vanishes or is another one, a driver that raises; keeps what it was given and when it was open.

    `wire` is all that went out, in its order, whoever asked for it; `tick` tells the newest (k, t_ns) of a performer.
    """

    def __init__(self, controls: Mapping[str, ControlWire], clock: Clock, plan: Plan, name: str) -> None:
        super().__init__(RecordingConfig(), controls, clock)
        self._clock, self._plan = clock, plan
        self.wire: list[Row] = []
        self.tick: Callable[[int], tuple[int, int]] = lambda performer: (0, 0)
        self._current: dict[int, dict[str, float]] = {}  # performer -> control -> what its receiver should have
        self._rng = random.Random(f"{plan.seed} {name}")
        self.open = False
        self.closed_ns = 0

    async def run(self) -> None:
        if "refuse to start" in self._plan.bridge and self._rng.random() < 0.5:
            raise OSError("the port is taken")
        self.open = True
        try:
            lost_ns = self._clock.now_ns() + round(self._rng.uniform(0.1, 8.0) * NS)
            if "new receiver" in self._plan.bridge:
                await self._greet_until(lost_ns if "lose" in self._plan.bridge else 1 << 62)
            if "lose" in self._plan.bridge:
                await self._clock.sleep_until(lost_ns)
                raise AdapterLost("the receiver is gone")
            await asyncio.Event().wait()
        finally:
            self.open = False
            self.closed_ns = self._clock.now_ns()

    def send(self, control: ControlPacket, names: Sequence[str]) -> Sent:
        if "raise" in self._plan.bridge and self._rng.random() < 0.02:
            raise RuntimeError("a driver's bug")
        sent = super().send(control, names)
        self._current.setdefault(control.performer, {}).update(sent)
        self._put(control.k, control.t_ns, control.performer, sent)
        return sent

    def accent(self, accent: Accent) -> bool:
        self._put(self.tick(accent.performer)[0], accent.t_ns, accent.performer, (("accent", accent.strength),))
        return super().accent(accent)

    def send_unasked(self, performer: int, sent: Sent) -> None:
        self._put(*self.tick(performer), performer, sent)
        super().send_unasked(performer, sent)

    async def _greet_until(self, end_ns: int) -> None:
        while (next_ns := self._clock.now_ns() + round(self._rng.uniform(0.1, 3.0) * NS)) < end_ns:
            await self._clock.sleep_until(next_ns)
            for performer, values in self._current.items():
                self.send_unasked(performer, tuple(values.items()))

    def _put(self, k: int, t_ns: int, performer: int, sent: Sent) -> None:
        self.wire += [(k, t_ns, performer, control, value) for control, value in sent]


class SimMachine:
    """A computer that sometimes has no time for us; a sensor, as far as the service knows."""

    def __init__(self, emit: Emit, clock: VirtualClock, plan: Plan) -> None:
        self._clock, self._plan = clock, plan
        self._rng = random.Random(f"{plan.seed} machine")

    async def run(self) -> None:
        while True:
            await self._clock.sleep_until(self._clock.now_ns() + round(self._rng.expovariate(self._plan.rate) * NS))
            if "stall" in self._plan.machine:
                self._clock.advance(self._rng.choice(STALLS_NS))
            if "busy" in self._plan.machine:
                for _ in range(50):
                    self._clock.advance(self._rng.randrange(9 * MS))
                    await self._clock.sleep_until(self._clock.now_ns() + 10 * MS)


class SimOperator:
    """Presses everything there is, with arguments that are right, wrong or missing, and panic until it is there."""

    def __init__(self, clock: Clock, plan: Plan) -> None:
        self._clock = clock
        self._rng = random.Random(f"{plan.seed} operator")
        self.desk: Desk | None = None  # known once the service is built
        self.answers: list[Ack] = []
        self.misspelt = 0

    async def run(self) -> None:
        while True:
            await self._clock.sleep_until(self._clock.now_ns() + round(self._rng.expovariate(2.0) * NS))
            verb = self._rng.choice([*COMMANDS, "encore"])
            pool: list[Any] = [*CONTROL_NAMES, True, False, None, 0.0, 1.0, math.nan, 3, "chorus", "body"]
            arguments = [self._rng.choice(pool) for _ in range(self._rng.randrange(3))]
            try:
                command = parse(verb, arguments)
            except CommandError:
                self.misspelt += 1
                continue
            for _ in range(2 if verb == "panic" else 1):
                if self.desk is not None:
                    self.answers.append(self.desk.submit(command, "simulation"))
