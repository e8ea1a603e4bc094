"""A gate and what was read at it, once per seed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from choreo_pipelines.evaluation.gate import Gate


@dataclass(frozen=True, slots=True)
class Reading:
    """One number of one seed, the gate it must pass, and what stands beside it."""

    name: str  # the same words for every seed
    value: float
    gate: Gate
    baseline: Mapping[str, float] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        return self.gate.passes(self.value)


def by_name(readings: Iterable[Reading]) -> dict[str, list[Reading]]:
    """The readings of all seeds under each name, in order."""
    found: dict[str, list[Reading]] = {}
    for reading in readings:
        found.setdefault(reading.name, []).append(reading)
    return found


def summary(seeds: Sequence[Reading]) -> dict[str, Any]:
    """A gate over its seeds as JSON types; passed only when every seed passed."""
    first = seeds[0]
    return {
        "gate": first.name,
        "limit": str(first.gate),
        "values": [r.value for r in seeds],
        "passed": all(r.passed for r in seeds),
        "short_by": max(r.gate.short_by(r.value) for r in seeds),
        "baseline": {name: [r.baseline[name] for r in seeds] for name in first.baseline},
    }
