"""State that can be read and put back, written once for every filter of this package."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np


class Component:
    """A part whose whole memory is the attributes named in `STATE`.

    `state()` gives arrays, numbers and nested mappings that share nothing with the part; `load_state()` puts them
    back, so that the part goes on bit for bit. Attributes may be int, float, bool, tuple of floats, deque of floats,
    ndarray or another Component. Subclasses set every attribute in `reset()` and call it from `__init__`.
    """

    STATE: ClassVar[tuple[str, ...]] = ()

    def reset(self) -> None:
        """Forget everything, as if new."""
        raise NotImplementedError

    def state(self) -> dict[str, Any]:
        return {name: _packed(getattr(self, name)) for name in self.STATE}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """KeyError names what is missing from `state`."""
        for name in self.STATE:
            current = getattr(self, name)
            if isinstance(current, Component):
                current.load_state(state[name])
            else:
                setattr(self, name, _unpacked(current, state[name]))


def _packed(value: Any) -> Any:
    if isinstance(value, Component):
        return value.state()
    if isinstance(value, np.ndarray):
        return value.copy()
    if isinstance(value, tuple | deque):
        return np.array(value, dtype=np.float64)
    return value


def _unpacked(current: Any, value: Any) -> Any:
    """`value` as the type `current` has; lists stand for arrays, so that a state may have been JSON in between."""
    if isinstance(current, np.ndarray):
        return np.array(value, dtype=current.dtype)
    if isinstance(current, tuple):
        return tuple(float(v) for v in value)
    if isinstance(current, deque):
        return deque((float(v) for v in value), maxlen=current.maxlen)
    return type(current)(value)
