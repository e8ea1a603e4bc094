"""The life of a running service: start, play, and an end that leaves the receivers at neutral.

Order of the end: sensors stop, the tick stops, controls ease to neutral, bridges close. Only when that is cut short
do the bridges panic.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, Final

from choreo_service.accents import AccentDetector
from choreo_service.bodies import CROSS_FADE_S
from choreo_service.clock import MS, NS, Clock
from choreo_service.commands import CommandError, Marker, Policy, Recalibrate, Record, Tap
from choreo_service.controller import Controller
from choreo_service.core import Core
from choreo_service.dashboard.dashboard import Dashboard
from choreo_service.desk import Desk
from choreo_service.ingress import Ingress
from choreo_service.loop import TickListener, run_loop
from choreo_service.packets import LEADERS, Accent, SensorPacket
from choreo_service.protocols import BridgeAdapter, DoorAdapter, SensorAdapter
from choreo_service.recorder import Recorder
from choreo_service.service.peers import is_behind
from choreo_service.service.shaping import Shaping
from choreo_service.service.verbs import let_hands_play
from choreo_service.service.watch import Watch
from choreo_service.supervisor import Supervisor
from choreo_service.telemetry import Telemetry
from choreo_service.ticker import Ticker, between_ticks

STALE_NS: Final = 200 * MS  # between the hit and its accent


class Service:
    """All parts of one show. Build it with `build_service`; run it once."""

    def __init__(
        self,
        *,
        clock: Clock,
        core: Core,
        ingress: Ingress,
        controller: Controller,
        telemetry: Telemetry,
        supervisor: Supervisor,
        sensors: Mapping[str, SensorAdapter],
        bridges: Mapping[str, BridgeAdapter],
        exit_ease_s: float,
        summary_s: float,
        recorder: Recorder,
        accents: AccentDetector | None = None,
    ) -> None:
        self.clock, self.core, self.ingress, self.controller = clock, core, ingress, controller
        self.telemetry, self.supervisor = telemetry, supervisor
        self.sensors, self.bridges = sensors, bridges
        self.listeners: list[TickListener] = []
        self.on_accent: list[Callable[[Accent], None]] = []
        if accents is not None:
            self._accents = accents
            ingress.on_packet.append(self._hear)
        self.doors: dict[str, DoorAdapter] = {}
        self.watch = Watch(
            clock,
            telemetry,
            ingress,
            supervisor,
            core,
            sensors,
            bridges,
            self.doors,
            controller.bridge_faults,
            controller.latches,
            summary_s,
        )
        self.desk = Desk(clock)
        self._obey_the_desk()
        self.dashboard: Dashboard | None = None
        self.shaping: Shaping | None = None  # a show built by hand has no files to say what it plays by
        self.beside: dict[str, Callable[[], Awaitable[None]]] = {}  # what else runs during the show, supervised
        self.facts: dict[str, Callable[[], Mapping[str, Any]]] = {}  # sections of the state that parts tell the pages
        self.recorder = recorder
        self._attach(recorder)
        self.exit_ease_s = exit_ease_s
        self.grid: tuple[int, int] | None = None  # (start_ns, slots played) of a show that is taken over
        self.followed: Callable[[], bool] = lambda: False  # whether another engine goes on should this one fail
        self.on_ending: list[Callable[[], None]] = []  # told when the last tick has been played
        self._stop, self._begun = asyncio.Event(), asyncio.Event()
        self.listeners.append(lambda tick, packets, step: self._begun.set())

    def stop(self) -> None:
        """Ask for the orderly end. Safe to call from a signal handler of the loop, and more than once."""
        self._stop.set()

    async def between_ticks(self) -> None:
        """Wait until a tick's work is done and most of its period is left: what is done then delays none."""
        await between_ticks(self.clock, self.core.period_ns, self.telemetry.last_due_ns)

    def announce(self, kind: str, text: str, level: str = "info") -> None:
        """Tell the pages of one moment; `level` is info or warn."""
        if self.dashboard is not None:
            self.dashboard.hub.event({"kind": kind, "level": level, "text": text})

    def _put(self, stream: str, value: float) -> None:
        self.ingress.put(stream, [value], source_id="desk")

    async def run(self, seconds: float | None = None) -> None:
        """Play until `stop()`, for `seconds`, or until every sensor has come to its end.

        Raises AdapterConfigError (in an ExceptionGroup) when an adapter can't start; other failures are survived.
        Bridges panic when it is cancelled, and when a failure ends it that no other engine makes good.
        """
        async with asyncio.TaskGroup() as stage:
            players = [stage.create_task(self._bridge(n, b), name=n) for n, b in self.bridges.items()]
            pump = self.controller.pump
            players += [stage.create_task(pump(self.clock, n), name=f"{n} later") for n in self.controller.delayed]
            beside = {name: partial(self._after_a_tick, run) for name, run in self.beside.items()}
            players += [stage.create_task(self.supervisor.supervise(n, r), name=n) for n, r in beside.items()]
            try:
                await self._play(seconds)
                for tell in self.on_ending:
                    tell()
                await self.controller.ease_to_neutral(self.clock, self.exit_ease_s)
            except BaseException as error:
                if not self.followed() or not isinstance(error, Exception):
                    self.recorder.note("panic")
                    self.controller.panic_now()
                raise
            finally:
                for task in players:
                    task.cancel()

    async def _after_a_tick(self, run: Callable[[], Awaitable[None]]) -> None:
        """The music comes first, above all where it is taken over: pages have time."""
        await self._begun.wait()
        await run()

    def _obey_the_desk(self) -> None:
        self.desk.hooks.append(self.watch.command)
        let_hands_play(self.desk, self.controller)
        self.desk.handle(Recalibrate, self._recalibrate)
        # As packets, so that a replay taps and changes leaders at the same ticks.
        self.desk.handle(Tap, lambda _: self._put("tap", 1.0))
        self.desk.handle(Policy, lambda command: self._put("tempo_policy", float(LEADERS.index(command.leader))))

    def _attach(self, recorder: Recorder) -> None:
        self.listeners.append(recorder.tick)
        self.controller.on_sent.append(recorder.sent)
        self.telemetry.parts["recorder"] = recorder.health
        self.desk.handle(Record, recorder.obey_record)
        self.desk.handle(Marker, recorder.obey_marker)
        self.desk.hooks.append(recorder.answered)

    def _hear(self, packet: SensorPacket) -> None:
        """An accent goes out on the packet that shows it, unless that has waited: after a stall or an outage the hits
        of long ago come all at once, and are no music any more."""
        accent = self._accents.hear(packet)
        if accent is not None:
            if self.clock.now_ns() - packet.rx_ns <= STALE_NS:
                self.controller.accent(accent)
            for listener in self.on_accent:
                listener(accent)

    async def _play(self, seconds: float | None) -> None:
        start_ns, played = self.grid or (self.clock.now_ns(), 0)
        ticker = Ticker(
            self.clock,
            period_ns=self.core.period_ns,
            start_ns=start_ns,
            played=played,
            behind=lambda: any(map(is_behind, self.sensors.values())),
        )
        async with asyncio.TaskGroup() as show:
            loop = show.create_task(
                run_loop(
                    ticker, self.ingress, self.core, self.controller, self.telemetry, [self.watch.tick, *self.listeners]
                ),
                name="tick",
            )
            watch = show.create_task(self.watch.run(), name="watch")
            sensors = [show.create_task(self.supervisor.supervise(n, s.run), name=n) for n, s in self.sensors.items()]
            await self._until_over(sensors, ticker, seconds)
            for task in sensors:
                task.cancel()
            ticker.stop()
            await loop
            watch.cancel()

    async def _until_over(self, sensors: list[asyncio.Task[None]], ticker: Ticker, seconds: float | None) -> None:
        async with asyncio.TaskGroup() as reasons:
            waits: list[asyncio.Task[Any]] = [reasons.create_task(self._stop.wait())]
            if seconds is not None:
                waits.append(reasons.create_task(self.clock.sleep_until(ticker.start_ns + round(seconds * NS))))
            if sensors:
                waits.append(reasons.create_task(asyncio.wait(sensors)))
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            for wait in waits:
                wait.cancel()

    def _recalibrate(self, command: Recalibrate) -> None:
        """A stamped sample like any other, so that a replay learns anew at the same tick."""
        count, chosen = self.core.performers, command.performer
        if chosen is not None and chosen >= count:
            raise CommandError(f"no performer {chosen}; there are {count}, counted from 0")
        for performer in range(count) if chosen is None else (chosen,):
            if not self.ingress.put("recalibrate", (CROSS_FADE_S,), source_id="desk", performer=performer):
                raise CommandError("too many sources of samples; switch off what floods the service")

    async def _bridge(self, name: str, bridge: BridgeAdapter) -> None:
        async def run() -> None:
            self.controller.attach(name, bridge)  # anew at each connection: the receiver has forgotten everything
            try:
                await bridge.run()
            finally:
                self.controller.detach(name)

        await self.supervisor.supervise(name, run)
