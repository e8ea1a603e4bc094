"""Both ends of a sensor: one that plays a script, and a place to emit to that keeps everything."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from choreo_service.clock import NS, Clock
from choreo_service.errors import AdapterLost
from choreo_service.packets import STREAMS
from choreo_service.protocols import Emit


class ScriptStep(BaseModel):
    """One sample and when it comes."""

    model_config = ConfigDict(extra="forbid")

    at_s: float = Field(ge=0)  # since run() was called
    stream: str
    values: tuple[float, ...]
    performer: int = 0
    source: str = ""


class ScriptConfig(BaseModel):
    """The whole performance of a ScriptedSensor."""

    model_config = ConfigDict(extra="forbid")

    script: tuple[ScriptStep, ...] = ()
    then: Literal["wait", "lost", "end"] = "wait"
    """After the last sample: be silent, raise AdapterLost, or return."""


class ScriptedSensor:
    """Emits its script on the clock it is given; under run_virtual that takes no time."""

    Config: ClassVar[type[BaseModel]] = ScriptConfig

    def __init__(self, config: ScriptConfig, emit: Emit, clock: Clock) -> None:
        self._config = config
        self._emit = emit
        self._clock = clock

    async def run(self) -> None:
        start_ns = self._clock.now_ns()
        for step in self._config.script:
            await self._clock.sleep_until(start_ns + round(step.at_s * NS))
            self._emit(step.stream, step.values, performer=step.performer, source=step.source)
        if self._config.then == "lost":
            raise AdapterLost("the script says so")
        if self._config.then == "wait":
            await asyncio.Event().wait()


@dataclass(frozen=True, slots=True)
class Emitted:
    """One sample as it was handed over."""

    stream: str
    values: tuple[float, ...]
    performer: int
    source: str
    rx_ns: int | None
    source_ns: int | None


class RecordingEmit:
    """An Emit that keeps samples and rejections, and notes in `problems` whatever packets.STREAMS doesn't allow."""

    def __init__(self) -> None:
        self.samples: list[Emitted] = []
        self.rejections: Counter[tuple[str, str]] = Counter()  # (source, cause)
        self.problems: list[str] = []

    def __call__(
        self,
        stream: str,
        values: Sequence[float],
        *,
        performer: int = 0,
        source: str = "",
        rx_ns: int | None = None,
        source_ns: int | None = None,
    ) -> None:
        sample = Emitted(stream, tuple(values), performer, source, rx_ns, source_ns)
        self.samples.append(sample)
        if problem := _problem(sample):
            self.problems.append(problem)

    def rejected(self, cause: str, *, source: str = "", count: int = 1) -> None:
        self.rejections[source, cause] += count

    def of(self, stream: str, performer: int = 0) -> list[tuple[float, ...]]:
        """The values of one stream of one performer, in order of arrival."""
        return [s.values for s in self.samples if s.stream == stream and s.performer == performer]


def _problem(sample: Emitted) -> str:
    known = STREAMS.get(sample.stream)
    if known is None:
        return f"unknown stream {sample.stream!r}; there are {', '.join(STREAMS)}"
    if len(sample.values) != known.width:
        return f"{sample.stream} has {known.width} values, got {len(sample.values)}: {sample.values}"
    if not all(math.isfinite(value) for value in sample.values):
        return f"{sample.stream}: {sample.values} is not finite"
    if sample.performer < 0:
        return f"{sample.stream}: performer {sample.performer} is negative"
    return ""
