"""The slope a performer may trust: noise is 0, and nothing moves it at once."""

from __future__ import annotations

import math
from typing import Final

from choreo_service.features.component import Component
from choreo_service.features.vectors import clamp

DEAD_BAND: Final = 0.15  # bpm/s; a resting heart's estimates stay inside most of the time
SMOOTH_S: Final = 2.0
LIMIT: Final = 20.0  # bpm/s
JUMP: Final = 25.0  # bpm at once: another heart, or a strap that sits anew; no slope leads there


class CalmSlope(Component):
    """`slope` in bpm/s: the estimates so far, set to 0 inside +-0.15, then averaged with a time constant of 2 s.

    The dead-band comes before the average: a resting heart goes back to 0, and leaving the band is no jump.
    """

    STATE = ("slope",)

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.slope = 0.0

    def step(self, estimate: float, since_s: float) -> None:
        """One estimate, `since_s` after the one before; after a silence it counts no more than 2 s of estimates."""
        target = 0.0 if abs(estimate) < DEAD_BAND else clamp(estimate, -LIMIT, LIMIT)
        self.slope += -math.expm1(-clamp(since_s, 0.0, SMOOTH_S) / SMOOTH_S) * (target - self.slope)
