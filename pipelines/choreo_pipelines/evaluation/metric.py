"""One number of a card: never without what it must beat."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def metric(value: float, baseline: Mapping[str, float], gate: str, passed: bool | None) -> dict[str, Any]:
    """An entry of a card's metrics; `passed` None where the number has no gate."""
    return {"value": value, "baseline": dict(baseline), "gate": gate, "passed": passed}
