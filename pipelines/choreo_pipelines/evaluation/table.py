"""Numbers beside their baselines, for a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_WORDS = {True: "pass", False: "MISS", None: ""}


def lines(metrics: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """A row per metric of a card: name, value, gate, verdict, baselines."""
    rows = [("", "value", "gate", "", "baseline")]
    for name, m in metrics.items():
        beside = ", ".join(f"{who} {number(value)}" for who, value in m["baseline"].items())
        rows.append((name, number(m["value"]), m["gate"], _WORDS[m["passed"]], beside))
    wide, number_wide, gate_wide = (max(len(row[c]) for row in rows) for c in range(3))
    return [
        f"{name:<{wide}}  {value:>{number_wide}}  {gate:<{gate_wide}}  {word:<4}  {beside}".rstrip()
        for name, value, gate, word, beside in rows
    ]


def number(value: float | None) -> str:
    """Three significant digits, without an exponent where one can read it."""
    if value is None:
        return "-"
    return f"{value:.3f}" if abs(value) >= 0.01 or value == 0 else f"{value:.2g}"
