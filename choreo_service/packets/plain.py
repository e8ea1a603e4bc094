"""Packets as plain JSON types and back."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, Final, Self, get_args, get_origin, get_type_hints

import numpy as np

from choreo_service.packets.arrays import BoolArray, FloatArray, StateArray

_DTYPES: Final[Mapping[Any, type[np.generic]]] = {FloatArray: np.float32, BoolArray: np.bool_, StateArray: np.uint8}


class Packet:
    """The base of every dataclass that leaves the process; the annotations of its fields say how it is read."""

    __slots__ = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types; NaN and infinity become None, which JSON can carry."""
        return {name: _plain(getattr(self, name)) for name in _fields(type(self))}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """What to_dict() gave; None inside an array becomes NaN. ValueError names unknown and missing keys."""
        _check(cls, data)
        hints = get_type_hints(cls)
        return cls(**{name: _read(hints[name], value) for name, value in data.items()})


def _plain(value: Any) -> Any:
    if isinstance(value, Packet):
        return value.to_dict()
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _read(hint: Any, value: Any) -> Any:
    if hint in _DTYPES:
        return np.array(value, dtype=_DTYPES[hint])
    if get_origin(hint) is tuple:
        return tuple(get_args(hint)[0](v) for v in value)
    for kind in (hint, *get_args(hint)):  # of an optional packet its own
        if value is not None and isinstance(kind, type) and issubclass(kind, Packet):
            return kind.from_dict(value)
    return value


def _check(cls: type[Packet], data: Mapping[str, Any]) -> None:
    fields = _fields(cls)
    unknown = sorted(set(data) - set(fields))
    missing = sorted({name for name, field in fields.items() if _required(field)} - set(data))
    if unknown or missing:
        raise ValueError(f"{cls.__name__}: unknown keys {unknown}, missing keys {missing}; expected {sorted(fields)}")


def _fields(cls: Any) -> dict[str, dataclasses.Field[Any]]:
    return {field.name: field for field in dataclasses.fields(cls)}


def _required(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
