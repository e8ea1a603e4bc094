"""One number of a card: never without what it must beat."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from choreo_pipelines.evaluation.gate import Gate


def metric(value: float, baseline: Mapping[str, float], gate: Gate | None = None) -> dict[str, Any]:
    """An entry of a card's metrics; `passed` is None where the number has no gate."""
    return {
        "value": value,
        "baseline": dict(baseline),
        "gate": str(gate) if gate else "",
        "passed": gate.passes(value) if gate else None,
    }
