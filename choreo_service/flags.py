"""Questions about small arrays, asked several times a tick. By their bytes: numpy's own reductions cost ten times as
much for a handful of elements."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from choreo_service.packets import BoolArray


def any_true(flags: BoolArray) -> bool:
    return b"\x01" in flags.tobytes()


def all_true(flags: BoolArray) -> bool:
    return b"\x00" not in flags.tobytes()


def all_finite(numbers: NDArray[Any]) -> bool:
    return b"\x00" not in np.isfinite(numbers).tobytes()
