"""Controls as one stream of the Lab Streaming Layer: LabRecorder, OpenViBE, MATLAB, Unity and whatever records bodies.

Every packet becomes one LSL sample that holds all controls of all performers as they stand, stamped by LSL with the
moment it was pushed; the rate is irregular, as ticks may be skipped. liblsl queues per consumer and lets old samples
give way, so a push takes microseconds whatever the consumers do.
"""

from __future__ import annotations

import asyncio
import ctypes
import socket
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

from pydantic import BaseModel, ConfigDict, Field

from choreo_adapters.bridges import wire_values
from choreo_adapters.lsl import LIBRARY
from choreo_adapters.unasked import TellsUnasked
from choreo_service.clock import Clock
from choreo_service.errors import AdapterLost
from choreo_service.packets import CONTROL_NAMES, ControlPacket
from choreo_service.protocols import ControlWire, Sent

KEPT: Final = 60  # hundreds of samples liblsl keeps for a consumer that hangs: two minutes of one performer


class LslOutletConfig(BaseModel):
    """What the stream is called, and how many performers it has room for."""

    model_config = ConfigDict(extra="forbid")

    stream: str = Field(default="choreo", min_length=1, description="the stream's name")
    stream_type: str = Field(default="Control", min_length=1, description="the stream's LSL type")
    source_id: str = Field(
        default="", description="by what consumers know the stream again; name@machine when left out"
    )
    performers: int = Field(default=1, ge=1, le=64, description="who get channels; all when left out")
    network: bool = Field(
        default=False,
        description="announce beyond this machine, as far as LSL's own lsl_api.cfg lets it; anybody there can read",
    )


class LslOutlet(TellsUnasked):
    """One LSL outlet. States: closed, sending (somebody listens), nobody-listens, lost (liblsl refused a sample)."""

    Config: ClassVar[type[BaseModel]] = LslOutletConfig

    def __init__(self, config: LslOutletConfig, controls: Mapping[str, ControlWire], clock: Clock) -> None:
        self._config = config
        self._controls = controls
        self._library = LIBRARY
        self._stream: _Stream | None = None
        self._columns = {name: i for i, name in enumerate(n for n in CONTROL_NAMES if n in controls)}
        self._row = [controls[name].neutral for name in self._columns] * config.performers
        self._counts = {"sent": 0, "dropped": 0}
        self._failure = ""
        self._failed = asyncio.Event()

    async def run(self) -> None:
        """Announce the stream and serve until cancelled.

        AdapterConfigError without pylsl; AdapterLost when LSL can't open the stream or refuses a sample.
        """
        self._failure, self._failed = "", asyncio.Event()
        try:
            self._stream = await asyncio.to_thread(self._open)
            await self._failed.wait()
            raise AdapterLost(f"lsl_outlet: {self._failure}")
        finally:
            stream, self._stream = self._stream, None
            if stream is not None:
                await asyncio.to_thread(stream.close)

    def send(self, control: ControlPacket, names: Sequence[str]) -> Sent:
        if control.performer >= self._config.performers:
            self._counts["dropped"] += 1
            return ()
        first = control.performer * len(self._columns)
        sent = []
        for wire, value in wire_values(control, names, self._controls):
            on_the_wire = ctypes.c_float(value).value
            self._row[first + self._columns[wire.name]] = on_the_wire
            sent.append((wire.name, on_the_wire))
        return tuple(sent) if sent and self._push() else ()

    def panic(self) -> None:
        safe = tuple((name, ctypes.c_float(self._controls[name].safe).value) for name in self._columns)
        self._row = [value for _, value in safe] * self._config.performers
        if self._push():
            for performer in range(self._config.performers):
                self._tell(performer, safe)

    def health(self) -> Mapping[str, Any]:
        """Facts for telemetry. LSL tells whether there are consumers, not how many: that is the state."""
        return {"state": self._state(), "target": self._config.stream, "reason": self._failure, **self._counts}

    def _state(self) -> str:
        if self._failure:
            return "lost"
        if self._stream is None:
            return "closed"
        return "sending" if self._stream.is_heard() else "nobody-listens"

    def _open(self) -> _Stream:
        lsl = self._library.load("lsl_outlet", network=self._config.network)
        try:
            return _Stream(lsl, self._config, [self._controls[name] for name in self._columns])
        except RuntimeError as error:
            self._failure = str(error)
            raise AdapterLost(
                f"lsl_outlet: {error}", fix="look whether TCP ports 16572 to 16604 are all taken"
            ) from error

    def _push(self) -> bool:
        """The row on its way to whoever listens, or counted as lost."""
        if self._stream is None:
            self._counts["dropped"] += 1
            return False
        try:
            self._stream.push(self._row)
        except RuntimeError as error:
            self._counts["dropped"] += 1
            self._failure = str(error)
            self._failed.set()
            return False
        self._counts["sent"] += 1
        return True


class _Stream:
    """The outlet itself. Opening and closing wait for threads and sockets, so they belong in a thread."""

    def __init__(self, lsl: Any, config: LslOutletConfig, wires: Sequence[ControlWire]) -> None:
        """RuntimeError when liblsl can't open it."""
        source_id = config.source_id or f"{config.stream}@{socket.gethostname()}"
        count = len(wires) * config.performers
        info = lsl.StreamInfo(config.stream, config.stream_type, count, lsl.IRREGULAR_RATE, lsl.cf_float32, source_id)
        info.set_channel_labels([_label(wire.name, p) for p in range(config.performers) for wire in wires])
        info.set_channel_units([f"{wire.lo:g}..{wire.hi:g}" for wire in wires] * config.performers)
        info.set_channel_types("control")
        info.desc().append_child_value("manufacturer", "choreo")
        self._outlet: Any = lsl.StreamOutlet(info, max_buffered=KEPT)

    def push(self, row: Sequence[float]) -> None:
        self._outlet.push_sample(row)

    def is_heard(self) -> bool:
        return bool(self._outlet.have_consumers())

    def close(self) -> None:
        self._outlet = None  # pylsl closes it with the last reference


def _label(name: str, performer: int) -> str:
    """As in OSC addresses: `density` for the first performer, `1/density` for the second."""
    return f"{performer}/{name}" if performer else name
