"""Controls become datagrams. Floats go as `f`, never as arrays, which liblo refuses."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Final

from pythonosc.osc_bundle_builder import IMMEDIATELY, OscBundleBuilder
from pythonosc.osc_message_builder import OscMessageBuilder

from choreo_adapters.bridges.osc_out.config import OscOutConfig
from choreo_service.clock import NS
from choreo_service.packets import ACCENT
from choreo_service.protocols import ControlWire

Packed = tuple[bytes, Mapping[str, float]]  # a datagram, and the controls it carries

_FLOAT: Final = struct.Struct(">f")
_SIZE: Final = struct.Struct(">i")


class Packing:
    """One configuration's way to pack."""

    def __init__(self, config: OscOutConfig, controls: Mapping[str, ControlWire]) -> None:
        self._config, self._controls = config, controls
        self._last: dict[int, dict[str, float]] = {}  # performer -> control -> value

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
            yield (
                _stamped(_message(f"/wek/{performer}/outputs" if performer else "/wek/outputs", every), realtime_ns),
                values,
            )
        elif layout == "n_set":
            yield _stamped(self._n_set(performer, values), realtime_ns), values
        elif layout == "bundle":
            yield (
                _bundle((self._control(performer, name, value) for name, value in values.items()), realtime_ns),
                values,
            )
        else:
            for name, value in values.items():
                yield _stamped(self._control(performer, name, value), realtime_ns), {name: value}

    def again(self, performer: int) -> Iterator[Packed]:
        """What the performer's controls were packed as last, to be played when it arrives."""
        if last := self._last.get(performer):
            yield from self.datagrams(performer, dict(last), None)

    def accent(self, performer: int, strength: float) -> bytes | None:
        """The datagram of an accent; None where the receiver gets none."""
        if not self._config.accents or self._config.layout in ("wekinator", "n_set"):
            return None
        return self._control(performer, ACCENT, strength)

    def _control(self, performer: int, name: str, value: float) -> bytes:
        return _head(self._address(performer, name)) + _FLOAT.pack(value)

    def _n_set(self, performer: int, values: Mapping[str, float]) -> bytes:
        builder = OscMessageBuilder("/n_set")
        builder.add_arg(self._config.node + performer, OscMessageBuilder.ARG_TYPE_INT)
        for name, value in values.items():
            builder.add_arg(self._config.names.get(name, name), OscMessageBuilder.ARG_TYPE_STRING)
            builder.add_arg(value, OscMessageBuilder.ARG_TYPE_FLOAT)
        message: bytes = builder.build().dgram
        return message

    def _address(self, performer: int, name: str) -> str:
        own = self._config.addresses.get(name)
        if own is not None:
            return f"{own}/{performer}" if performer else own
        return f"{self._config.prefix}/{performer}/{name}" if performer else f"{self._config.prefix}/{name}"


def as_float32(value: float) -> float:
    """What 32 bits keep of `value`: the number the receiver really gets."""
    kept: float = _FLOAT.unpack(_FLOAT.pack(value))[0]
    return kept


def _message(address: str, values: Iterable[float]) -> bytes:
    builder = OscMessageBuilder(address)
    for value in values:
        builder.add_arg(value, OscMessageBuilder.ARG_TYPE_FLOAT)
    message: bytes = builder.build().dgram
    return message


@cache  # one for each address there is
def _head(address: str) -> bytes:
    """A message of one float up to that float: the rest is the same in every tick."""
    return _message(address, (0.0,))[: -_FLOAT.size]


def _stamped(message: bytes, realtime_ns: int | None) -> bytes:
    return message if realtime_ns is None else _bundle([message], realtime_ns)


def _bundle(messages: Iterable[bytes], realtime_ns: int | None) -> bytes:
    head = OscBundleBuilder(IMMEDIATELY if realtime_ns is None else realtime_ns / NS)  # type: ignore[arg-type] # a float is what it wants
    return b"".join((head.build().dgram, *(_SIZE.pack(len(message)) + message for message in messages)))
