"""A sensor that takes lines of text over UDP: `<stream> <value> ...`, as a microcontroller can print them."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from typing import Any, ClassVar

from choreo_service.clock import Clock
from choreo_service.errors import AdapterConfigError
from choreo_service.packets import STREAMS
from choreo_service.protocols import Emit
from pydantic import BaseModel, ConfigDict, Field

LONGEST_LINE = 256  # bytes; no stream needs more, and whoever sends more isn't our device


class LineSensorConfig(BaseModel):
    """Unknown keys are refused, so that a typing error is found at the start and not on stage."""

    model_config = ConfigDict(extra="forbid")

    host: str = Field(default="127.0.0.1", min_length=1)
    port: int = Field(default=9100, ge=0, le=65535)
    """0 takes a free one; health() tells which."""
    performer: int = Field(default=0, ge=0)


class LineSensor:
    """One file, one class, one Config, one run()."""

    Config: ClassVar[type[BaseModel]] = LineSensorConfig

    def __init__(self, config: LineSensorConfig, emit: Emit, clock: Clock) -> None:
        """Keep what is given and open nothing: that is run()'s task, again after each loss."""
        self._config = config
        self._emit = emit
        self._target = ""

    async def run(self) -> None:
        """Listen until cancelled.

        A port that is taken can never work, which is AdapterConfigError. A device lost while running would be
        AdapterLost, and the service would call run() again after a while.
        """
        where = (self._config.host, self._config.port)
        try:
            transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
                lambda: _Receiver(self._take), local_addr=where
            )
        except OSError as error:
            raise AdapterConfigError(
                f"line_sensor: can't listen on {where[0]}:{where[1]}: {error.strerror}", fix="choose another `port`"
            ) from error
        self._target = "{}:{}".format(*transport.get_extra_info("sockname")[:2])
        try:
            await asyncio.Event().wait()  # datagrams come by callback; there is nothing else to do
        finally:
            self._target = ""
            transport.close()

    def health(self) -> Mapping[str, Any]:
        return {"state": "listening" if self._target else "closed", "target": self._target}

    def _take(self, datagram: bytes, sender: str) -> None:
        """Emit one line. Input is never trusted: what isn't a good line is counted by its cause, and that is all."""
        try:
            stream, *numbers = datagram.decode("ascii").split()
            values = [float(number) for number in numbers]
        except ValueError:  # UnicodeDecodeError is one
            self._emit.rejected("not a line", source=sender)
            return
        if stream not in STREAMS or len(values) != STREAMS[stream].width or not all(map(math.isfinite, values)):
            self._emit.rejected("not a sample", source=sender)
            return
        self._emit(stream, values, performer=self._config.performer, source=sender)


class _Receiver(asyncio.DatagramProtocol):
    def __init__(self, take: Any) -> None:
        self._take = take

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        self._take(data[:LONGEST_LINE], str(addr[0]))
