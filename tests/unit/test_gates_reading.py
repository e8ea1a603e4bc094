"""A gate is passed only when every seed passed, and says by how much it was missed."""

from __future__ import annotations

import math

import pytest

from choreo_pipelines.evaluation.gate import Gate
from choreo_pipelines.evaluation.gates.reading import Reading, by_name, summary
from choreo_pipelines.evaluation.gates.table import markdown, text
from choreo_pipelines.evaluation.metric import metric


@pytest.mark.parametrize(
    ("value", "sign", "limit", "passes", "short_by"),
    [
        (0.6, ">=", 0.6, True, 0.0),
        (0.59, ">=", 0.6, False, 0.01),
        (0.6, "<=", 0.5, False, 0.1),
        (1.0, "<", 1.0, False, 0.0),
        (math.inf, ">=", 0.6, False, math.inf),
        (math.nan, "<=", 0.6, False, math.nan),
    ],
)
def test_a_number_is_held_to_its_limit(value: float, sign: str, limit: float, passes: bool, short_by: float) -> None:
    gate = Gate(sign, limit)
    assert gate.passes(value) is passes
    assert gate.short_by(value) == pytest.approx(short_by, nan_ok=True)


def test_a_number_of_a_card_is_judged_by_the_gate_it_shows() -> None:
    assert metric(0.7, {"mean": 0.0}, Gate(">=", 0.75)) == {
        "value": 0.7,
        "baseline": {"mean": 0.0},
        "gate": ">= 0.75",
        "passed": False,
    }
    assert metric(0.7, {})["passed"] is None
    assert metric(0.7, {})["gate"] == ""


def test_one_seed_that_misses_is_a_miss_of_the_gate() -> None:
    small, wide = Gate("<=", 0.1), Gate(">=", 0.4)
    readings = [
        Reading("error", 0.09, small, {"mean": 1.0}),
        Reading("range", 0.5, wide),
        Reading("error", 0.125, small, {"mean": 0.8}),
        Reading("range", 0.6, wide),
        Reading("error", 0.11, small, {"mean": 0.9}),
    ]
    error, width = (summary(seeds) for seeds in by_name(readings).values())
    assert (error["passed"], width["passed"]) == (False, True)
    assert error["values"] == [0.09, 0.125, 0.11]
    assert error["short_by"] == pytest.approx(0.025)
    shown = text([error, width])
    assert "MISS by 0.025  error  <= 0.1:  0.090  0.125  0.110" in shown
    assert "beside: mean 0.900" in shown
    assert "1 of 2 gates passed by every seed" in shown
    assert "| error | <= 0.1 | 0.090 · 0.125 · 0.110 | MISS by 0.025 | mean 0.900 |" in markdown([error, width])
