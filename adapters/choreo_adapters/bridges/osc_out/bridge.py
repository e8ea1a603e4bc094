"""Sends the controls to one UDP peer."""

from __future__ import annotations

import math
import socket
from asyncio import get_running_loop
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Final

from pydantic import BaseModel

from choreo_adapters.bridges import wire_values
from choreo_adapters.bridges.osc_out.config import OscOutConfig
from choreo_adapters.bridges.osc_out.packing import Packed, Packing, as_float32
from choreo_adapters.bridges.osc_out.replies import newest_complaint
from choreo_adapters.unasked import TellsUnasked
from choreo_service.clock import MS, NS, Clock, monotonic_to_realtime_ns
from choreo_service.errors import AdapterLost
from choreo_service.packets import Accent, ControlPacket
from choreo_service.protocols import ControlWire, Sent

SETTLE_NS: Final = NS  # this long without a refusal before a peer counts as listening again
AGAIN_NS: Final = NS // 10  # between two tries while the network is down
COMPLAINT_NS: Final = 3 * NS  # a complaint counts this long: controls at rest are sent every second by default

_NOBODY: Final = "nobody-listens"
_DOWN: Final = "network-down"
_HINTS: Final = {
    _NOBODY: "start the receiver (SuperCollider, Max, ...), or name another: -o bridges.{name}.port=9001",
    "refused": "load the SynthDef and start its node (adapters/supercollider), or correct bridges.{name}.node",
}


class OscOut(TellsUnasked):
    """Sends to one UDP peer. States: closed, sending, refused (it says /fail), nobody-listens (its port is shut),
    network-down."""

    Config: ClassVar[type[BaseModel]] = OscOutConfig

    def __init__(self, config: OscOutConfig, controls: Mapping[str, ControlWire], clock: Clock) -> None:
        self._config = config
        self._controls = controls
        self._clock = clock
        self._socket: socket.socket | None = None
        self._state = "closed"
        self._reason = ""
        self._refused_ns = 0
        self._counts = {"sent": 0, "refused": 0, "failed": 0, "dropped": 0, "complaints": 0}
        self._packing = Packing(config, controls)
        self._complaint, self._complained_ns = "", -COMPLAINT_NS

    async def run(self) -> None:
        """Serve until cancelled. AdapterLost when the host's name can't be resolved: the network may come later."""
        try:
            family, peer = await self._resolve()
            while True:
                if self._socket is None or self._state == _DOWN:
                    self._open(family, peer)
                self._listen()
                await self._clock.sleep_until(self._clock.now_ns() + (AGAIN_NS if self._state == _DOWN else NS))
        finally:
            self._close("closed")

    def send(self, control: ControlPacket, names: Sequence[str]) -> Sent:
        values = {wire.name: as_float32(value) for wire, value in wire_values(control, names, self._controls)}
        return self._send_all(self._packing.datagrams(control.performer, values, self._stamp(control.t_ns)))

    def accent(self, accent: Accent) -> bool:
        datagram = self._packing.accent(accent.performer, accent.strength) if math.isfinite(accent.strength) else None
        return datagram is not None and self._send(datagram)

    def panic(self) -> None:
        safe = {wire.name: as_float32(wire.safe) for wire in self._controls.values()}
        for performer in self._packing.performers:
            self._tell(performer, self._send_all(self._packing.datagrams(performer, safe, None)))

    def health(self) -> Mapping[str, Any]:
        target = f"{self._config.host}:{self._config.port}"
        state, reason = self._state, self._reason
        if state == "sending" and self._clock.now_ns() - self._complained_ns < COMPLAINT_NS:
            state, reason = "refused", self._complaint
        return {"state": state, "target": target, "reason": reason, "hint": _HINTS.get(state, ""), **self._counts}

    async def _resolve(self) -> tuple[int, Any]:
        host, port = self._config.host, self._config.port
        try:
            found = await get_running_loop().getaddrinfo(host, port, type=socket.SOCK_DGRAM)
        except OSError as error:
            self._reason = f"can't resolve {host!r}: {error}"
            raise AdapterLost(
                f"osc_out: {self._reason}", fix="check the network, or give the receiver's IP address as `host`"
            ) from error
        family, _, _, _, address = found[0]
        return family, address

    def _open(self, family: int, peer: Any) -> None:
        """A fresh socket; an old one may be bound to an address the machine no longer has. What was offered while
        there was no way is sent now: the receiver would else wait for it until it is offered again."""
        self._close(_DOWN)
        opened = socket.socket(family, socket.SOCK_DGRAM)
        try:
            opened.setblocking(False)
            opened.connect(peer)
        except OSError as error:
            opened.close()
            self._network_down(error)
            return
        self._socket = opened
        self._state, self._reason = "sending", ""
        for performer in self._packing.performers:
            self._tell(performer, self._send_all(self._packing.again(performer)))

    def _close(self, state: str) -> None:
        self._state = state
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _send_all(self, packed: Iterable[Packed]) -> Sent:
        """What of it is on its way."""
        sent: list[tuple[str, float]] = []
        for datagram, carried in packed:
            if self._send(datagram):
                sent += carried.items()
        return tuple(sent)

    def _send(self, datagram: bytes) -> bool:
        """One datagram on its way, or counted as lost."""
        if self._socket is None:
            self._counts["dropped"] += 1
            return False
        try:
            if not self._delivered(self._socket, datagram):
                return False
        except BlockingIOError:
            self._counts["dropped"] += 1
            return False
        except OSError as error:
            self._network_down(error)
            return False
        self._counts["sent"] += 1
        if self._state != "sending" and self._clock.now_ns() - self._refused_ns > SETTLE_NS:
            self._state, self._reason = "sending", ""
        return True

    def _delivered(self, opened: socket.socket, datagram: bytes) -> bool:
        """Give the datagram to the kernel; twice, as a refusal told now is an earlier one's and used up the call."""
        for _ in range(2):
            try:
                opened.send(datagram)
            except ConnectionRefusedError:
                self._refuse()
            else:
                return True
        return False

    def _listen(self) -> None:
        """Hear what the peer says about what it was sent."""
        if self._socket is None:
            return
        try:
            complaint = newest_complaint(self._socket)
        except ConnectionRefusedError:
            self._refuse()
        except OSError as error:
            self._network_down(error)
        else:
            if complaint:
                self._counts["complaints"] += 1
                self._complaint, self._complained_ns = complaint, self._clock.now_ns()

    def _stamp(self, t_ns: int) -> int | None:
        """The wall-clock time at which the receiver should play a packet of `t_ns`; None: when it arrives."""
        ahead_ms = self._config.schedule_ahead_ms
        return monotonic_to_realtime_ns(t_ns + round(ahead_ms * MS)) if ahead_ms else None

    def _refuse(self) -> None:
        self._counts["refused"] += 1
        self._refused_ns = self._clock.now_ns()
        self._state, self._reason = _NOBODY, "the receiver's port is closed"

    def _network_down(self, error: OSError) -> None:
        self._counts["failed"] += 1
        self._state, self._reason = _DOWN, str(error)
