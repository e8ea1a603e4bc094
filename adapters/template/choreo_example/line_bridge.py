"""A bridge that sends lines of text over UDP: `<control> <value>`, as a microcontroller can read them."""

from __future__ import annotations

import asyncio
import math
import socket
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from choreo_service.clock import Clock
from choreo_service.packets import ControlPacket
from choreo_service.protocols import ControlWire, Sent
from pydantic import BaseModel, ConfigDict, Field


class LineBridgeConfig(BaseModel):
    """Where the lines go."""

    model_config = ConfigDict(extra="forbid")

    host: str = Field(default="127.0.0.1", pattern=r"^[0-9.]+$")
    """A number, not a name: looking a name up could stop the music."""
    port: int = Field(default=9200, ge=1, le=65535)


class LineBridge:
    """Sends every control as a line of its own."""

    Config: ClassVar[type[BaseModel]] = LineBridgeConfig

    def __init__(self, config: LineBridgeConfig, controls: Mapping[str, ControlWire], clock: Clock) -> None:
        self._peer = (config.host, config.port)
        self._controls = controls
        self._socket: socket.socket | None = None
        self._lost = 0

    async def run(self) -> None:
        """Open, serve until cancelled, close. send() is called beside it, on the same loop."""
        opened = self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        opened.setblocking(False)
        try:
            await asyncio.Event().wait()
        finally:
            self._socket = None
            opened.close()

    def send(self, control: ControlPacket, names: Sequence[str]) -> Sent:
        """Called in the tick: hand over and return, whatever the receiver does; report only what went out."""
        values = {name: control.value(name) for name in names if name in self._controls}
        return tuple((n, v) for n, v in values.items() if math.isfinite(v) and self._write(f"{n} {v:.4f}"))

    def panic(self) -> None:
        """Safe values, any number of times."""
        for wire in self._controls.values():
            self._write(f"{wire.name} {wire.safe:.4f}")

    def health(self) -> Mapping[str, Any]:
        state = "closed" if self._socket is None else "sending"
        return {"state": state, "target": "{}:{}".format(*self._peer), "lost": self._lost}

    def _write(self, line: str) -> bool:
        if self._socket is None:
            return False
        try:
            self._socket.sendto(line.encode("ascii"), self._peer)
        except OSError:  # no network, no receiver, no room: the next value comes in 20 ms
            self._lost += 1
            return False
        return True
