"""A bridge without process or pipe between it and JACK: what the calibration's figures are checked with."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from pydantic import BaseModel

from choreo_service.packets import ControlPacket
from choreo_service.protocols import ControlWire, Sent
from rig.jack_server import JackServer
from rig.midi_source import MidiSource


class DirectMidi:
    """Sends control changes from the test's own process, played at the start of the next period."""

    Config: ClassVar[type[BaseModel]] = BaseModel

    def __init__(self, server: JackServer, target: str, controls: Mapping[str, ControlWire]) -> None:
        self._server, self._target, self._controls = server, target, controls
        self._source: MidiSource | None = None

    async def run(self) -> None:
        with MidiSource(self._server) as source:
            self._source = source
            await asyncio.to_thread(self._server.connect, source.midi_out, self._target)
            await asyncio.Event().wait()

    def send(self, control: ControlPacket, names: Sequence[str]) -> Sent:
        sent: list[tuple[str, Any]] = []
        for name in names if self._source else ():
            wire = self._controls[name]
            value = round(wire.position(control.value(name)) * 127)
            self._source.cc(wire.cc, value, wire.channel)  # type: ignore[union-attr] # looked at above
            sent.append((name, float(value)))
        return tuple(sent)

    def panic(self) -> None:
        """Nothing sounds by itself."""
