"""Gates for a terminal and for a model card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from choreo_pipelines.evaluation.table import number


def text(gates: Sequence[Mapping[str, Any]]) -> str:
    """Two lines per gate: verdict, what, limit and the value of every seed; then its baselines."""
    lines = []
    for gate in gates:
        values = "  ".join(number(v) for v in gate["values"])
        lines.append(f"{_verdict(gate)}  {gate['gate']}  {gate['limit']}:  {values}")
        if gate["baseline"]:
            lines.append(f"      beside: {_baselines(gate)}")
    missed = sum(not gate["passed"] for gate in gates)
    return "\n".join([*lines, "", f"{len(gates) - missed} of {len(gates)} gates passed by every seed"])


def markdown(gates: Sequence[Mapping[str, Any]]) -> str:
    """A table, a row per gate."""
    rows = ["| gate | limit | per seed | | beside it, mean over seeds |", "|---|---|---|---|---|"]
    for gate in gates:
        values = " · ".join(number(v) for v in gate["values"])
        rows.append(f"| {gate['gate']} | {gate['limit']} | {values} | {_verdict(gate).strip()} | {_baselines(gate)} |")
    return "\n".join(rows) + "\n"


def _verdict(gate: Mapping[str, Any]) -> str:
    return "pass" if gate["passed"] else f"MISS by {number(gate['short_by'])}"


def _baselines(gate: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {number(sum(v) / len(v))}" for name, v in gate["baseline"].items())
