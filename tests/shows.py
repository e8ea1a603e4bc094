"""Services built by hand for tests: real parts, scripted ends, no configuration files."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from choreo_service.accents import AccentDetector
from choreo_service.clock import MS, NS, Clock
from choreo_service.config import AccentSettings, ControlMap, OutputSettings, RecorderSettings
from choreo_service.controller import Controller
from choreo_service.core import Core
from choreo_service.disk import Disk
from choreo_service.ingress import Ingress
from choreo_service.packets import CONTROL_NAMES
from choreo_service.protocols import Emit, Models
from choreo_service.recorder import Ready, Recorder
from choreo_service.service.build import build_paths
from choreo_service.service.show import Service
from choreo_service.sources import Sources
from choreo_service.supervisor import Backoff, Supervisor
from choreo_service.telemetry import Telemetry

PERIOD = 20 * MS


def make_core(performers: int = 1, models: Models | None = None) -> Core:
    return Core(performers=performers, period_ns=PERIOD, home_bpm=110.0, models=models)


def make_accents(performers: int = 1) -> AccentDetector:
    """A detector as the built-in settings describe it."""
    settings = AccentSettings()
    return AccentDetector(performers=performers, threshold=settings.threshold, refractory_ms=settings.refractory_ms)


def default_map() -> ControlMap:
    return ControlMap.model_validate(dict.fromkeys(CONTROL_NAMES))


def make_service(
    clock: Clock,
    sensors: Mapping[str, Any],
    bridges: Mapping[str, Any],
    *,
    performers: int = 1,
    bound: int = 512,
    exit_ease_s: float = 0.2,
    models: Models | None = None,
    recorder: Callable[[Core], Recorder] | None = None,
    accents: AccentDetector | None = None,
) -> Service:
    """`sensors`: name -> callable (emit, clock) -> adapter; `bridges`: name -> callable (wires, clock) -> adapter.

    `recorder` makes one for the show's core; without, the service has one that nobody starts.
    """
    core = make_core(performers, models)
    ingress = Ingress(clock, performers=performers, bound=bound)
    wires = default_map().wires()
    return Service(
        clock=clock,
        core=core,
        ingress=ingress,
        controller=Controller(
            build_paths(default_map(), OutputSettings()), performers=performers, period_ns=PERIOD, refresh_s=1.0
        ),
        telemetry=Telemetry(period_ns=PERIOD, performers=performers, sources=Sources(ingress)),
        supervisor=Supervisor(clock, backoff=Backoff(base_s=0.05, cap_s=0.2)),
        sensors={n: make(ingress.emitter(n), clock) for n, make in sensors.items()},
        bridges={n: make(wires, clock) for n, make in bridges.items()},
        exit_ease_s=exit_ease_s,
        summary_s=10.0,
        accents=accents,
        recorder=make_recorder(clock, core) if recorder is None else recorder(core),
    )


def make_recorder(
    clock: Clock,
    core: Core,
    folder: Path = Path("recordings"),
    disk: Disk | None = None,
    required: Sequence[str] = (),
    **settings: Any,
) -> Recorder:
    """A recorder without a thread: who wants something written calls `work()`."""
    return Recorder(
        RecorderSettings(**settings),
        folder,
        clock,
        header={"period_ns": PERIOD, "performers": core.performers},
        state=core.state,
        performers=core.performers,
        period_ns=PERIOD,
        ready=Ready(required),
        disk=disk,
    )


class RandomArrivals:
    """Emits motion and heart at random times, sometimes in bursts, and crashes now and then."""

    def __init__(self, emit: Emit, clock: Clock, *, seed: int, crash: float = 0.004) -> None:
        self._emit, self._clock = emit, clock
        self._rng = random.Random(seed)
        self._crash = crash
        self.crashes = 0

    async def run(self) -> None:
        rng = self._rng
        while True:
            await self._clock.sleep_until(self._clock.now_ns() + round(rng.expovariate(150.0) * NS))
            for _ in range(rng.choice((1, 1, 1, 5))):
                self._emit("acceleration", [rng.gauss(0, 4), rng.gauss(0, 4), rng.gauss(9.81, 4)])
            if rng.random() < 0.05:
                self._emit("heart_rate", [rng.uniform(60, 160)], source="strap")
            if rng.random() < self._crash:
                self.crashes += 1
                raise OSError("sensor crashed")
