"""What the service relies on in every sensor."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from choreo_service.clock import MonotonicClock
from choreo_service.testing.conformance import common
from choreo_service.testing.conformance.stage import Act, perform, reconnect, require, run_loop
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

    def fresh(self) -> Any:
        """A sensor that has never run; what it emits is nobody's."""
        return self.build(RecordingEmit())

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
    sensor = case.fresh()
    case.play(sensor)
    common.check_health(sensor)


def _holds_nothing_more_over_reconnects(case: SensorCase) -> None:
    async def brief(sensor: Any) -> None:
        await asyncio.sleep(case.settle_s / 4)

    reconnect(case.fresh(), brief)


SENSOR_PROMISES: Final[Mapping[str, Callable[[SensorCase], None]]] = {
    "config-is-strict": common.config_is_strict,
    "emits-what-streams-allow": _emits_what_streams_allow,
    "is-silent-after-the-end": _is_silent_after_the_end,
    "health-is-plain": _health_is_plain,
    "runs-again": common.runs_again,
    "stops-before-it-has-opened": common.stops_before_it_has_opened,
    "leaves-nothing-behind": common.leaves_nothing_behind,
    "holds-nothing-more-over-reconnects": _holds_nothing_more_over_reconnects,
    "raises-when-lost": common.raises_when_lost,
}
