"""A core's state as JSON and back, bit for bit. Nothing in the file can make the reader run code."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from choreo_service.errors import SessionError

STATE_FILE: Final = "state.json"
_ARRAY: Final = "__array__"
_DTYPES: Final = frozenset(("bool", "int8", "int32", "int64", "float32", "float64", "complex128"))
_MAX_BYTES: Final = 64 << 20


def dump_state(state: Mapping[str, Any]) -> bytes:
    """`Core.state()` as JSON; arrays keep their bytes, numbers are written so that they come back equal."""
    return json.dumps(_packed(state)).encode()


def load_state(path: Path) -> Mapping[str, Any]:
    """What `dump_state` was given, sequences as lists; SessionError when the file is no such thing."""
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise ValueError(f"expected at most {_MAX_BYTES} bytes")
        state = json.loads(path.read_bytes(), object_hook=_unpacked)
        if not isinstance(state, dict):
            raise ValueError("expected an object")
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise SessionError(
            f"{path.name} is no state of a core: {error}", fix="use an intact copy of the take"
        ) from error
    return state


def _packed(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _packed(v) for key, v in value.items()}
    if isinstance(value, list | tuple):
        return [_packed(v) for v in value]
    if isinstance(value, np.ndarray):
        if value.dtype.name not in _DTYPES:
            raise TypeError(f"state of type {value.dtype}")
        return {
            _ARRAY: value.dtype.name,
            "shape": list(value.shape),
            "data": base64.b64encode(value.tobytes()).decode(),
        }
    return value.item() if isinstance(value, np.generic) else value


def _unpacked(found: dict[str, Any]) -> Any:
    if _ARRAY not in found:
        return found
    if found[_ARRAY] not in _DTYPES:
        raise ValueError(f"unknown array type {found[_ARRAY]!r:.40}")
    data = base64.b64decode(found["data"], validate=True)
    return np.frombuffer(data, np.dtype(found[_ARRAY])).reshape(found["shape"]).copy()
