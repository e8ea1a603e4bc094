"""What the service relies on in every sensor."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from choreo_service.clock import MonotonicClock
from choreo_service.testing.conformance.stage import (
    Act,
    check_config,
    leftovers,
    perform,
    perform_loss,
    reconnect,
    require,
    run_loop,
)
from choreo_service.testing.sensors import RecordingEmit


async def _do_nothing(sensor: Any) -> None:
    """The drive of a sensor that needs no outside help to emit."""


@dataclass(frozen=True)
class SensorCase:
    """A sensor class, the configuration to check it with, and who plays its device."""

    cls: Any
    config: Mapping[str, Any] = field(default_factory=dict)
    drive: Act = _do_nothing  # called with the running sensor: play the device, e.g. send it datagrams
    expects_samples: bool = False  # at least one sample must come
    settle_s: float = 0.2
    lose: Act | None = None  # called with the running sensor: take its device away; None where none can be lost

    def play(self, sensor: Any | None = None) -> RecordingEmit:
        """Run, drive, wait `settle_s`, stop; returns what was emitted. Without `sensor` a new one is built."""
        emit = RecordingEmit()
        played = self.build(emit) if sensor is None else sensor
        run_loop(perform(played, self.act))
        return emit

    def build(self, emit: RecordingEmit) -> Any:
        return self.cls(self.cls.Config.model_validate(self.config), emit, MonotonicClock())

    async def act(self, sensor: Any) -> None:
        """What happens while the sensor runs."""
        await asyncio.sleep(self.settle_s / 2)
        await self.drive(sensor)
        await asyncio.sleep(self.settle_s / 2)


def check_sensor(
    cls: Any,
    config: Mapping[str, Any] | None = None,
    *,
    drive: Act = _do_nothing,
    expects_samples: bool = False,
    settle_s: float = 0.2,
    lose: Act | None = None,
) -> None:
    """Check every promise; ConformanceError names the first one broken. Takes seconds, on event loops of its own."""
    case = SensorCase(cls, config or {}, drive, expects_samples, settle_s, lose)
    for promise in SENSOR_PROMISES.values():
        promise(case)


def _config_is_strict(case: SensorCase) -> None:
    check_config(case.cls, case.config)


def _emits_what_streams_allow(case: SensorCase) -> None:
    emit = case.play()
    require(not emit.problems, f"{len(emit.problems)} wrong samples, the first: {next(iter(emit.problems), '')}")
    require(bool(emit.samples) or not case.expects_samples, "no sample came")


def _is_silent_after_the_end(case: SensorCase) -> None:
    emit = RecordingEmit()
    sensor = case.build(emit)

    async def play() -> None:
        await perform(sensor, case.act)
        count = len(emit.samples)
        await asyncio.sleep(case.settle_s / 2)
        require(len(emit.samples) == count, "samples came after run() was cancelled")

    run_loop(play())


def _health_is_plain(case: SensorCase) -> None:
    sensor = case.build(RecordingEmit())
    case.play(sensor)
    health = getattr(sensor, "health", None)
    if health is not None:
        facts = health()
        require(isinstance(facts.get("state"), str), f'health() has no "state" text: {dict(facts)}')
        json.dumps(dict(facts), allow_nan=False)  # raises what can't be shown on a dashboard


def _runs_again(case: SensorCase) -> None:
    async def twice(sensor: Any) -> None:
        await perform(sensor, case.act)
        await perform(sensor, case.act)

    run_loop(twice(case.build(RecordingEmit())))


def _stops_before_it_has_opened(case: SensorCase) -> None:
    async def at_once(sensor: Any) -> None:
        await asyncio.sleep(0)

    run_loop(perform(case.build(RecordingEmit()), at_once))


def _leaves_nothing_behind(case: SensorCase) -> None:
    left = leftovers(lambda: _play(case))
    require(not left, f"still open after run() was cancelled: {', '.join(left)}")


def _play(case: SensorCase) -> None:
    case.play()


def _holds_nothing_more_over_reconnects(case: SensorCase) -> None:
    async def brief(sensor: Any) -> None:
        await asyncio.sleep(case.settle_s / 4)

    reconnect(case.build(RecordingEmit()), brief)


def _raises_when_lost(case: SensorCase) -> None:
    if case.lose is not None:
        run_loop(perform_loss(case.build(RecordingEmit()), case.act, case.lose))


SENSOR_PROMISES: Final[Mapping[str, Callable[[SensorCase], None]]] = {
    "config-is-strict": _config_is_strict,
    "emits-what-streams-allow": _emits_what_streams_allow,
    "is-silent-after-the-end": _is_silent_after_the_end,
    "health-is-plain": _health_is_plain,
    "runs-again": _runs_again,
    "stops-before-it-has-opened": _stops_before_it_has_opened,
    "leaves-nothing-behind": _leaves_nothing_behind,
    "holds-nothing-more-over-reconnects": _holds_nothing_more_over_reconnects,
    "raises-when-lost": _raises_when_lost,
}
