"""The receiving end of the service: a bridge that keeps what it is given, and wires to give it."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

from choreo_service.clock import Clock
from choreo_service.errors import AdapterLost
from choreo_service.packets import CONTROLS, Accent, ControlPacket
from choreo_service.protocols import ControlWire, Sent, Told


class RecordingConfig(BaseModel):
    model_config = ConfigDict(extra="forbid")


class RecordingBridge:
    """A bridge whose receiver is a list. `lose()` makes it fail as a vanished device does."""

    Config: ClassVar[type[BaseModel]] = RecordingConfig

    def __init__(self, config: RecordingConfig, controls: Mapping[str, ControlWire], clock: Clock) -> None:
        self.controls = controls
        self.packets: list[tuple[ControlPacket, tuple[str, ...]]] = []
        self.accents: list[Accent] = []
        self.unasked: list[tuple[int, Sent]] = []  # performer, what went out of theirs
        self._performers: set[int] = set()
        self._told: Told | None = None
        self.panics = 0
        self.runs = 0
        self._lost = asyncio.Event()
        self._state = "closed"

    async def run(self) -> None:
        self.runs += 1
        self._lost.clear()
        self._state = "open"
        try:
            await self._lost.wait()
            raise AdapterLost("lose() was called")
        finally:
            self._state = "closed"

    def send(self, control: ControlPacket, names: Sequence[str]) -> Sent:
        self._performers.add(control.performer)
        self.packets.append((control, tuple(names)))
        return tuple((name, control.value(name)) for name in names)

    def accent(self, accent: Accent) -> bool:
        if not math.isfinite(accent.strength):
            return False
        self.accents.append(accent)
        return True

    def panic(self) -> None:
        self.panics += 1
        safe = tuple((wire.name, wire.safe) for wire in self.controls.values())
        for performer in sorted(self._performers):
            self.send_unasked(performer, safe)

    def send_unasked(self, performer: int, sent: Sent) -> None:
        """Send by itself, as a bridge does whose receiver is new."""
        self.unasked.append((performer, sent))
        if self._told is not None:
            self._told(performer, sent)

    def report_to(self, told: Told) -> None:
        self._told = told

    def health(self) -> Mapping[str, Any]:
        return {"state": self._state, "packets": len(self.packets), "panics": self.panics}

    def lose(self) -> None:
        """Let run() raise AdapterLost."""
        self._lost.set()

    def values(self, name: str, performer: int = 0) -> list[float]:
        """Every value sent for one control of one performer, in order."""
        return [packet.value(name) for packet, names in self.packets if packet.performer == performer and name in names]


def sample_wires() -> dict[str, ControlWire]:
    """A wire per control, no two alike: CC 20 to 24 on channel 1, and ranges of which one lies below zero."""
    ranges = ((0.5, 2.0), (0.0, 1.0), (-1.0, 1.0), (200.0, 4000.0), (0.0, 127.0))
    wires = {}
    for number, ((name, control), (lo, hi)) in enumerate(zip(CONTROLS.items(), ranges, strict=True)):
        neutral, safe = (lo + position * (hi - lo) for position in (control.neutral, control.safe))
        wires[name] = ControlWire(name, lo, hi, cc=20 + number, channel=1, neutral=neutral, safe=safe)
    return wires
