"""One line of the benchmark: a figure of ours beside the prototype the features were designed by."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Row:
    """`ours` in `unit`; `prototype` as its report put it, "" where it has none. Outside `good` it is a MISS."""

    feature: str
    what: str
    ours: float
    unit: str
    prototype: str
    good: tuple[float, float]  # from, to; inclusive

    @property
    def is_good(self) -> bool:
        return bool(self.good[0] <= self.ours <= self.good[1])

    def to_dict(self) -> Mapping[str, Any]:
        """JSON types only; what is not finite becomes None."""
        low, high = map(_finite, self.good)
        return {**asdict(self), "ours": _finite(self.ours), "good": [low, high], "is_good": self.is_good}


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
