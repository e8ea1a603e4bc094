"""When nothing at all is heard of a performer, the controls go to rest: eased to neutral and held there.

Never silence and never a frozen gesture: the receivers keep getting the neutral values until somebody is heard again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from choreo_service.flags import any_true
from choreo_service.packets import CONTROLS, BoolArray, FloatArray

TO_NEUTRAL_S: Final = 4.0
BACK_S: Final = 1.0  # even the slowest control's rate limit keeps up with this

_NEUTRAL: Final = np.array([c.neutral for c in CONTROLS.values()], dtype=np.float32)


class Settling:
    """Moves the positions of B performers toward neutral, a straight ramp in either direction."""

    def __init__(self, performers: int, period_s: float) -> None:
        self._performers, self._period_s = performers, period_s
        self.reset()

    def reset(self) -> None:
        self._rest = np.zeros(self._performers)  # 0 = the mapper's, 1 = neutral
        self._is_moved = False  # any of them

    def step(self, positions: FloatArray, unheard: BoolArray, dk: int) -> FloatArray:
        """[B, 5] and who is `unheard` [B] -> [B, 5]; the very same while all are heard.

        What is not finite stays so, for the guards to hold.
        """
        if not self._is_moved and not any_true(unheard):
            return positions
        elapsed_s = dk * self._period_s
        self._rest += np.where(unheard, elapsed_s / TO_NEUTRAL_S, -elapsed_s / BACK_S)
        np.clip(self._rest, 0.0, 1.0, out=self._rest)
        self._is_moved = bool(self._rest.any())
        rest = self._rest[:, None].astype(np.float32)
        with np.errstate(invalid="ignore"):  # of an infinity
            eased: FloatArray = positions + rest * (_NEUTRAL - positions)
        return eased

    def state(self) -> Mapping[str, Any]:
        return {"rest": self._rest.copy()}

    def load_state(self, state: Mapping[str, Any]) -> None:
        self._rest = np.array(state["rest"], dtype=np.float64)
        self._is_moved = bool(self._rest.any())
