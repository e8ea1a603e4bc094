"""Controls become datagrams. Floats go as `f`, never as arrays, which liblo refuses."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping

from pythonosc.osc_bundle_builder import IMMEDIATELY, OscBundleBuilder
from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import OscMessageBuilder

from choreo_adapters.bridges.osc_out.config import ACCENT, OscOutConfig
from choreo_service.clock import NS
from choreo_service.protocols import ControlWire

Packed = tuple[bytes, Mapping[str, float]]  # a datagram, and the controls it carries


class Packing:
    """One configuration's way to pack."""

    def __init__(self, config: OscOutConfig, controls: Mapping[str, ControlWire]) -> None:
        self._config, self._controls = config, controls
        self._last: dict[int, dict[str, float]] = {}  # performer -> control -> value; wekinator sends all together

    @property
    def performers(self) -> Iterable[int]:
        """Everybody who was ever packed for, the first at least."""
        return list(self._last) or [0]

    def datagrams(self, performer: int, values: Mapping[str, float], realtime_ns: int | None) -> Iterator[Packed]:
        """`values` in the layout's datagrams, stamped with a wall-clock time where one is given."""
        last = self._last.setdefault(performer, {})
        last.update(values)
        if not values:
            return
        layout = self._config.layout
        if layout == "wekinator":
            every = [last.get(wire.name, wire.neutral) for wire in self._controls.values()]
            yield self._one(
                _message(f"/wek/{performer}/outputs" if performer else "/wek/outputs", every), realtime_ns, values
            )
        elif layout == "n_set":
            yield self._one(self._n_set(performer, values), realtime_ns, values)
        elif layout == "bundle":
            messages = [_message(self._address(performer, name), (value,)) for name, value in values.items()]
            yield _bundle(messages, realtime_ns), values
        else:
            for name, value in values.items():
                message = _message(self._address(performer, name), (value,))
                yield self._one(message, realtime_ns, {name: value})

    def accent(self, performer: int, strength: float) -> bytes | None:
        """The datagram of an accent; None where the receiver gets none."""
        if not self._config.accents or self._config.layout in ("wekinator", "n_set"):
            return None
        message: bytes = _message(self._address(performer, ACCENT), (strength,)).dgram
        return message

    def _one(self, message: OscMessage, realtime_ns: int | None, carried: Mapping[str, float]) -> Packed:
        return (message.dgram if realtime_ns is None else _bundle([message], realtime_ns)), carried

    def _n_set(self, performer: int, values: Mapping[str, float]) -> OscMessage:
        builder = OscMessageBuilder("/n_set")
        builder.add_arg(self._config.node + performer, OscMessageBuilder.ARG_TYPE_INT)
        for name, value in values.items():
            builder.add_arg(self._config.names.get(name, name), OscMessageBuilder.ARG_TYPE_STRING)
            builder.add_arg(value, OscMessageBuilder.ARG_TYPE_FLOAT)
        return builder.build()

    def _address(self, performer: int, name: str) -> str:
        own = self._config.addresses.get(name)
        if own is not None:
            return f"{own}/{performer}" if performer else own
        return f"{self._config.prefix}/{performer}/{name}" if performer else f"{self._config.prefix}/{name}"


def as_float32(value: float) -> float:
    """What 32 bits keep of `value`: the number the receiver really gets."""
    return float(struct.unpack("f", struct.pack("f", value))[0])


def _message(address: str, values: Iterable[float]) -> OscMessage:
    builder = OscMessageBuilder(address)
    for value in values:
        builder.add_arg(value, OscMessageBuilder.ARG_TYPE_FLOAT)
    return builder.build()


def _bundle(messages: Iterable[OscMessage], realtime_ns: int | None) -> bytes:
    bundle = OscBundleBuilder(IMMEDIATELY if realtime_ns is None else realtime_ns / NS)  # type: ignore[arg-type] # a float is what it wants
    for message in messages:
        bundle.add_content(message)
    datagram: bytes = bundle.build().dgram
    return datagram
