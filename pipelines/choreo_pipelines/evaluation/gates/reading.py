"""A gate and what was read at it, once per seed."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

_COMPARE: Final[Mapping[str, Callable[[float, float], bool]]] = {"<=": operator.le, ">=": operator.ge, "<": operator.lt}


@dataclass(frozen=True, slots=True)
class Reading:
    """One number of one seed, the limit it must keep, and what stands beside it."""

    gate: str  # the same words for every seed
    value: float
    sign: str  # "<=", ">=", "<"
    limit: float
    baseline: Mapping[str, float] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """A number that is not finite never passes."""
        return abs(self.value) < float("inf") and _COMPARE[self.sign](self.value, self.limit)

    @property
    def short_by(self) -> float:
        """How far beyond the limit, 0 when passed."""
        return 0.0 if self.passed else abs(self.value - self.limit)


def by_gate(readings: Iterable[Reading]) -> dict[str, list[Reading]]:
    """The readings of all seeds under each gate, in order."""
    found: dict[str, list[Reading]] = {}
    for reading in readings:
        found.setdefault(reading.gate, []).append(reading)
    return found


def summary(seeds: Sequence[Reading]) -> dict[str, Any]:
    """A gate over its seeds as JSON types; passed only when every seed passed."""
    return {
        "gate": seeds[0].gate,
        "limit": f"{seeds[0].sign} {seeds[0].limit:g}",
        "values": [r.value for r in seeds],
        "passed": all(r.passed for r in seeds),
        "short_by": max(r.short_by for r in seeds),
        "baseline": {name: [r.baseline[name] for r in seeds] for name in seeds[0].baseline},
    }
