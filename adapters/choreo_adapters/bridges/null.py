"""A bridge to nowhere: counts what it is given. For benchmarks, dry runs and measuring the service alone."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

from choreo_adapters.bridges import wire_values
from choreo_service.clock import Clock
from choreo_service.packets import ControlPacket
from choreo_service.protocols import ControlWire, Sent


class NullConfig(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NullBridge:
    """Accepts every control and sends nothing."""

    Config: ClassVar[type[BaseModel]] = NullConfig

    def __init__(self, config: NullConfig, controls: Mapping[str, ControlWire], clock: Clock) -> None:
        self._controls = controls
        self._state = "closed"
        self._packets = 0
        self._values = 0
        self._panics = 0

    async def run(self) -> None:
        self._state = "open"
        try:
            await asyncio.Event().wait()
        finally:
            self._state = "closed"

    def send(self, control: ControlPacket, names: Sequence[str]) -> Sent:
        sent = tuple((wire.name, value) for wire, value in wire_values(control, names, self._controls))
        self._packets += 1
        self._values += len(sent)
        return sent

    def panic(self) -> None:
        self._panics += 1

    def health(self) -> Mapping[str, Any]:
        return {"state": self._state, "packets": self._packets, "values": self._values, "panics": self._panics}
