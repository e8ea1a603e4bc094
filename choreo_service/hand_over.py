"""When other models are put in, the controls don't jump to where those want them: they go there in even steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from choreo_service.packets import CONTROLS, FloatArray

HAND_OVER_S: Final = 2.0  # from one end of its range to the other, the slowest control uses half of its rate limit


class HandOver:
    """Moves the positions of B performers from where they were at `begin` to a goal that moves itself."""

    def __init__(self, performers: int, period_s: float) -> None:
        self._ticks = max(1, round(HAND_OVER_S / period_s))
        self._left = 0
        self._last: FloatArray = np.tile(np.array([c.neutral for c in CONTROLS.values()], np.float32), (performers, 1))

    def begin(self) -> None:
        """Hand over from the next step on; one that is under way starts again from where it is."""
        self._left = self._ticks

    def step(self, positions: FloatArray, dk: int) -> FloatArray:
        """[B, 5] -> [B, 5]; the very same outside a hand-over. What is not finite stays so, for the guards to hold."""
        if self._left == 0:
            self._last = positions
            return positions
        fine = np.isfinite(positions)
        before = np.where(np.isfinite(self._last), self._last, positions)
        steps = min(dk, self._left)
        # Each step takes its part of what is left.
        moved = before + np.float32(steps / self._left) * (np.where(fine, positions, before) - before)
        self._left -= steps
        self._last = moved
        return np.where(fine, moved, positions)

    def state(self) -> Mapping[str, Any]:
        return {"left": self._left, "last": self._last.copy()}

    def load_state(self, state: Mapping[str, Any]) -> None:
        self._left = int(state["left"])
        self._last = np.array(state["last"], dtype=np.float32).reshape(self._last.shape)
