"""A gate is passed only when every seed passed, and says by how much it was missed."""

from __future__ import annotations

import math

import pytest

from choreo_pipelines.evaluation.gates.reading import Reading, by_gate, summary
from choreo_pipelines.evaluation.gates.table import markdown, text


@pytest.mark.parametrize(
    ("value", "sign", "limit", "passed", "short_by"),
    [
        (0.6, ">=", 0.6, True, 0.0),
        (0.59, ">=", 0.6, False, 0.01),
        (0.6, "<=", 0.5, False, 0.1),
        (1.0, "<", 1.0, False, 0.0),
        (math.inf, ">=", 0.6, False, math.inf),
        (math.nan, "<=", 0.6, False, math.nan),
    ],
)
def test_a_number_is_held_to_its_limit(value: float, sign: str, limit: float, passed: bool, short_by: float) -> None:
    reading = Reading("x", value, sign, limit)
    assert reading.passed is passed
    assert reading.short_by == pytest.approx(short_by, nan_ok=True)


def test_one_seed_that_misses_is_a_miss_of_the_gate() -> None:
    readings = [
        Reading("error", 0.09, "<=", 0.1, {"mean": 1.0}),
        Reading("range", 0.5, ">=", 0.4),
        Reading("error", 0.125, "<=", 0.1, {"mean": 0.8}),
        Reading("range", 0.6, ">=", 0.4),
    ]
    error, width = (summary(seeds) for seeds in by_gate(readings).values())
    assert (error["passed"], width["passed"]) == (False, True)
    assert error["values"] == [0.09, 0.125]
    assert error["short_by"] == pytest.approx(0.025)
    shown = text([error, width])
    assert "MISS by 0.025  error  <= 0.1:  0.090  0.125" in shown
    assert "beside: mean 0.900" in shown
    assert "1 of 2 gates passed by every seed" in shown
    assert "| error | <= 0.1 | 0.090 · 0.125 | MISS by 0.025 | mean 0.900 |" in markdown([error, width])
