"""Used range and saturation of the controls."""

import numpy as np
import pytest

from choreo_pipelines.metrics import Outcome, control_usage

NAMES = ("density", "tension")


def ramps(n: int = 1000) -> np.ndarray:
    return np.stack([np.linspace(0.03, 0.97, n), np.linspace(0.3, 0.8, n)], axis=1)


def test_controls_that_move_inside_their_range_pass() -> None:
    got = control_usage(ramps(), names=NAMES)
    assert got.verdict.passed, got.verdict.reason
    assert got.used_range == pytest.approx({"density": 0.9 * 0.94, "tension": 0.45}, abs=0.01)
    assert got.saturated == {"density": 0.0, "tension": 0.0}


def test_a_control_at_its_ends_fails_by_name() -> None:
    controls = ramps()
    controls[:, 1] = np.where(np.arange(1000) % 2, 0.0, 1.0)
    got = control_usage(controls, names=NAMES)
    assert got.saturated["tension"] == 1.0
    assert got.verdict.reason == "tension is saturated in 100% of the frames"


def test_a_stuck_control_fails_by_name() -> None:
    controls = ramps()
    controls[:, 0] = 0.5
    got = control_usage(controls, names=NAMES)
    assert got.used_range["density"] == 0.0
    assert got.verdict.outcome is Outcome.FAIL
    assert got.verdict.reason.startswith("density uses 0.00")


def test_rare_excursions_are_not_a_range() -> None:
    controls = ramps()
    controls[:, 0] = 0.5
    controls[::50, 0] = 0.9
    assert control_usage(controls, names=NAMES).used_range["density"] == 0.0
