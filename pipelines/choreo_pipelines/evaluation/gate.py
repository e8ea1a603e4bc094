"""The limits models are held to, each in one place: a card, the gates over seeds and the tests read them here.

Those of the groove report's metrics stand with their metric. Source: SPEC.md of the project, sections 3 to 5.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from choreo_pipelines.metrics.usage import MAX_SATURATED, MIN_USED

_COMPARE: Final[Mapping[str, Callable[[float, float], bool]]] = {"<=": operator.le, ">=": operator.ge, "<": operator.lt}


@dataclass(frozen=True, slots=True)
class Gate:
    """A limit, and the side of it on which a number passes."""

    sign: str  # "<=", ">=", "<"
    limit: float

    def passes(self, value: float) -> bool:
        """A number that is not finite never does."""
        return math.isfinite(value) and _COMPARE[self.sign](value, self.limit)

    def short_by(self, value: float) -> float:
        """How far `value` is beyond the limit, 0 when it passes."""
        return 0.0 if self.passes(value) else abs(value - self.limit)

    def __str__(self) -> str:
        return f"{self.sign} {self.limit:g}"


# M1, by the heart rates it was trained on where that makes a difference.
NMSE_MOTION: Final = {"clean": Gate("<=", 0.10), "ble": Gate("<=", 0.20)}
MASKED_ENERGY: Final = {"clean": Gate(">=", 0.85), "ble": Gate(">=", 0.75)}
MASKED_MOTION: Final = Gate(">=", 0.60)
MASKED_HR: Final = Gate(">=", 0.40)
MASKED_CONTEXT: Final = Gate(">=", 0.65)
DECODED: Final = Gate(">=", 0.95)
LEAST_SD: Final = Gate(">=", 0.5)
NORM: Final = Gate("<=", 0.9001)
SILENCE: Final = Gate("<=", 0.5)  # error over hold's
KNOWS_NOTHING: Final = Gate(">=", 0.5)  # the same of random translators: they must not pass
# M2
ADAPTED: Final = Gate("<=", 0.7)  # M3's loss over that with frozen statistics
SAG: Final = Gate("<=", 0.1)
# M3
WINDOW_MEAN: Final = Gate("<=", 0.01)
WINDOW_P99: Final = Gate("<=", 0.03)
SHORT_WINDOW_MSE: Final = Gate("<=", 0.003)
SATURATED: Final = Gate("<=", MAX_SATURATED)
RANGE: Final = Gate(">=", MIN_USED)
LIVE_MSE: Final = Gate("<=", 0.006)
