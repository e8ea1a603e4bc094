"""What is remembered of one device between its messages, and how what it is refused is counted."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

from choreo_adapters.osc.bodies import Body
from choreo_adapters.osc.device_clock import DeviceClock
from choreo_adapters.osc.presets.axes import AxisJoin
from choreo_adapters.osc.units import Units
from choreo_service.protocols import Emit


class Memory:
    """Of one device, as long as it has a performer."""

    def __init__(self) -> None:
        self.units = Units()
        self.joins: dict[str, AxisJoin] = {}  # by prefix; as many as the layouts have
        self.body = Body()
        self.facts: dict[str, float] = {}  # "battery"
        self.clock = DeviceClock()  # of the stamps its messages carry
        self.wall_clock = DeviceClock()  # of the time tags of its bundles: another clock of the same device

    def clock_facts(self) -> dict[str, Any]:
        """How the device's stamps are used; empty where it sends none."""
        used = next((c for c in (self.clock, self.wall_clock) if c.used), None)
        return {} if used is None else {"stamps": "too coarse" if used.coarse else "used", "resets": used.resets}


class Refusals:
    """Counts by cause, and tells the service by cause and source."""

    def __init__(self, emit: Emit) -> None:
        self._emit = emit
        self._labels: set[str] = set()
        self.samples: Counter[str] = Counter()  # what was refused of datagrams that were accepted

    def sample(self, cause: str, source: str, count: int = 1) -> None:
        """Something inside an accepted datagram."""
        self.samples[cause] += count
        self.datagrams(cause, source, count)

    def datagrams(self, cause: str, source: str, count: int) -> None:
        """Whole datagrams, which their receiver has counted."""
        # Counters are kept per source: invented addresses share one, or they would fill the memory.
        if len(self._labels) < _LABELS:
            self._labels.add(source)
        self._emit.rejected(cause, source=source if source in self._labels else _OTHERS, count=count)


_LABELS: Final = 128
_OTHERS: Final = "others"
