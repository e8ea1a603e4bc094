"""The gates of what is played take the worst control and the worst take, and a number that isn't there is a miss."""

from __future__ import annotations

from typing import Any

import pytest

from choreo_pipelines.evaluation.gates.music import mapper_gates, stage_gates
from choreo_pipelines.evaluation.stage import OnStage
from choreo_pipelines.metrics import DriftStability, EnergyCorrelation, Outcome, PhaseCoherence, Reading, Verdict

PASSED = Verdict(Outcome.PASS)
DRIFT = DriftStability(PASSED, {"density": 0.99, "tension": 0.96})


def heard(c0: float | None, r: float | None, **energy: Any) -> Reading:
    low = None if c0 is None else c0 - 0.02
    return Reading(
        PhaseCoherence(PASSED, 100, c0=c0, c0_low=low), EnergyCorrelation(PASSED, r=r, **{"null95": 0.3, **energy})
    )


def stage(**changed: Reading) -> OnStage:
    readings = {
        "take": heard(0.8, 0.9, bar_r=0.95),
        "swapped": heard(0.1, 0.2),
        "masked": heard(0.7, 0.1),
        "clock": heard(0.99, 0.4, bar_r=0.05),
        "bodies": heard(0.0, 0.25),
    }
    return OnStage("take", **{**readings, **changed})


def values(*stages: OnStage, drift: DriftStability = DRIFT) -> dict[str, float]:
    return {reading.name.removeprefix("Stage: "): reading.value for reading in stage_gates(stages, drift)}


def test_a_take_that_is_danced_passes_every_gate() -> None:
    assert all(reading.passed for reading in stage_gates([stage(), stage()], DRIFT))


def test_the_worst_take_counts() -> None:
    weak = stage(
        take=heard(0.5, 0.55, null95=0.5, bar_r=0.5),
        swapped=heard(0.4, 0.4),
    )
    for order in ([stage(), weak], [weak, stage()]):
        found = values(*order)
        assert found["C0 of density, worst take"] == 0.5
        assert found["C0, lower end of 95 %"] == pytest.approx(0.48)
        assert found["C0 with another body, worst take"] == 0.4
        assert found["energy correlation, worst take"] == 0.55
        assert found["energy correlation above chance"] == pytest.approx(0.05)
        assert found["energy correlation of bars, worst take"] == 0.5
        assert found["another body's correlation above chance"] == pytest.approx(0.1)


def test_the_worst_control_of_the_loop_counts_and_a_loop_without_numbers_is_a_miss() -> None:
    assert values(stage())["CCC over a loop, worst control"] == 0.96
    nothing = DriftStability(Verdict(Outcome.NOT_COMPUTABLE, "too short"))
    assert values(stage(), drift=nothing)["CCC over a loop, worst control"] == -1.0


def test_what_could_not_be_had_misses_on_either_side_of_a_gate() -> None:
    silent = heard(None, None, null95=None)
    missed = {r.name for r in stage_gates([stage(take=silent, swapped=silent)], DRIFT) if not r.passed}
    assert {name.removeprefix("Stage: ") for name in missed} == {
        "C0 of density, worst take",
        "C0, lower end of 95 %",
        "C0 with another body, worst take",
        "energy correlation, worst take",
        "energy correlation above chance",
        "energy correlation of bars, worst take",
        "another body's correlation above chance",
    }


def test_the_mapper_is_held_to_the_ridge_its_worst_control_and_the_teacher_stands_beside_it() -> None:
    card: dict[str, Any] = {
        "mse": {"value": 0.001, "baseline": {"ridge on the instant": 0.004}},
        "windowed_mean_diff": {"value": 0.008},
        "windowed_p99_diff": {"value": 0.045},
        "window_20_mse": {"value": 0.002},
        "saturated_density": {"value": 0.01},
        "saturated_tension": {"value": 0.2},
        "range_density": {"value": 0.7},
        "range_tension": {"value": 0.3},
    }
    found = {reading.name.removeprefix("M3: "): reading for reading in mapper_gates(card, 0.023)}
    assert found["MSE / ridge's on the instant"].value == pytest.approx(0.25)
    assert found["saturated share, worst control"].value == 0.2
    assert found["p95 - p5, narrowest control"].value == 0.3
    assert found["stateful - window 50, p99"].baseline == {"the teacher itself": 0.023}
    assert {name for name, reading in found.items() if not reading.passed} == {
        "stateful - window 50, p99",
        "saturated share, worst control",
        "p95 - p5, narrowest control",
    }
