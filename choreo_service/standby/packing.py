"""An engine's state as bytes for the mirror and back: quick enough for every tick, and bit for bit.

`session.state` writes the same as JSON for takes that people keep, which takes five times as long. These bytes live in
memory that only our own processes of one show share.
"""

from __future__ import annotations

import marshal
from collections import deque
from collections.abc import Mapping
from typing import Any

import numpy as np


def pack(state: Any) -> bytes:
    """Nested mappings and sequences of numbers, strings, None and arrays. TypeError or ValueError for anything else."""
    return marshal.dumps(_plain(state))


def unpack(data: bytes) -> Any:
    """What `pack` was given; sequences as lists."""
    return _rich(marshal.loads(data))  # noqa: S302 - our own memory, checked by its CRC


def _plain(value: Any) -> Any:
    kind = type(value)
    if kind is float or kind is int or kind is str or kind is bool or value is None:
        return value
    if kind is np.ndarray and not value.dtype.hasobject:
        return (value.dtype.str, value.shape, value.tobytes())  # the one thing that is a tuple
    if kind is dict:
        return {key: _plain(v) for key, v in value.items()}
    if kind is list or kind is tuple:
        return [_plain(v) for v in value]
    if isinstance(value, Mapping):
        return {key: _plain(v) for key, v in value.items()}
    if isinstance(value, list | tuple | deque):
        return [_plain(v) for v in value]
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"state of type {kind.__name__}")


def _rich(value: Any) -> Any:
    if isinstance(value, tuple):
        dtype, shape, data = value
        return np.frombuffer(data, np.dtype(dtype)).reshape(shape).copy()
    if isinstance(value, dict):
        return {key: _rich(v) for key, v in value.items()}
    return [_rich(v) for v in value] if isinstance(value, list) else value
