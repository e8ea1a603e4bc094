"""What a service under measurement is made to do besides: leave garbage, write a log, each tick."""

from __future__ import annotations

import gc
from array import array
from collections.abc import Mapping, Sequence
from typing import Any, Final

from choreo_service import logs
from choreo_service.clock import work_ns
from choreo_service.packets import SensorPacket, Step
from choreo_service.service.show import Service
from choreo_service.ticker import Tick

LINE: Final = "x" * 900


class Litter:
    """Objects that live for ever, and every tick some that only the collector can free."""

    def __init__(self, living: int, each_tick: int) -> None:
        self._living = [[i] for i in range(living)]
        self._each_tick = each_tick

    def __call__(self, tick: Tick, packets: Sequence[SensorPacket], step: Step) -> None:
        for _ in range(self._each_tick):
            ring: list[Any] = []
            ring.append(ring)


class Chatter:
    """So many lines of about a kilobyte each tick; no two alike, so that none is held back as a repetition."""

    def __init__(self, lines: int) -> None:
        self._lines = lines

    def __call__(self, tick: Tick, packets: Sequence[SensorPacket], step: Step) -> None:
        for i in range(self._lines):
            logs.get_logger().error(f"soak.{tick.k}.{i}", text=LINE)


class Pauses:
    """How long each run of the garbage collector took, ns."""

    def __init__(self) -> None:
        self.ns = array("q")
        self._began_ns = 0
        gc.callbacks.append(self._note)

    def _note(self, phase: str, info: Mapping[str, int]) -> None:
        if phase == "start":
            self._began_ns = work_ns()
        else:
            self.ns.append(work_ns() - self._began_ns)


def press(service: Service, pressure: Mapping[str, int]) -> None:
    """`pressure`: "living" and "litter" objects, "lines" of log; what isn't named isn't done."""
    if "litter" in pressure:
        service.listeners.append(Litter(pressure["living"], pressure["litter"]))
    if "lines" in pressure:
        service.listeners.append(Chatter(pressure["lines"]))
