"""The nets' own time: they step at the rate they were trained at, whatever the tick of the service."""

from __future__ import annotations

from typing import Final

MOST_AT_ONCE: Final = 5  # after a long gap the past is forgotten rather than caught up: late music helps nobody


class Grid:
    """Counts how many steps of the net are due at a tick; `per_tick` steps per tick, a fraction as a rule."""

    def __init__(self, per_tick: float) -> None:
        if not per_tick > 0.0:
            raise ValueError(f"per_tick: expected above 0, found {per_tick}")
        self._per_tick = per_tick
        self.reset()

    def reset(self) -> None:
        self._owed = 1.0 - self._per_tick  # the first tick always has a step

    def due(self, dk: int) -> int:
        """Steps due at a tick `dk` slots after the one before."""
        self._owed += dk * self._per_tick
        steps = int(self._owed + 1e-9)  # 0.1 ten times is a whole step
        self._owed -= steps
        return steps if steps < MOST_AT_ONCE else MOST_AT_ONCE

    def state(self) -> float:
        return self._owed

    def load_state(self, owed: float) -> None:
        self._owed = float(owed)
