"""M3's numbers can be had by cheating: measured on windows while the stage carries its state, or by playing nothing.
Each cheat looks good by a careless number and must fail the card's gates, which the honest net passes."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import pytest
import torch

from choreo_models.mapper import GRUMapper
from choreo_pipelines.datasets.sessions import SessionArrays
from choreo_pipelines.evaluation.body import Dancers
from choreo_pipelines.evaluation.mapper import WINDOW, carried, mapper_numbers, teacher_apart, windowed
from choreo_pipelines.teachers import Statistics, Teacher
from choreo_service.packets import CONTROL_NAMES, FEATURE_COLUMNS, LATENT_DIM

CONTROLS = len(CONTROL_NAMES)
STEEPNESS = 2.4  # of the teacher: no straight line plays it


def session(seed: int, frames: int = 1200) -> SessionArrays:
    """Latents that wander in five directions, and a teacher that listens to one each."""
    rng = np.random.default_rng(seed)
    keep = np.exp(-1 / 40)
    z = np.zeros((frames, LATENT_DIM), np.float32)
    value = rng.standard_normal(CONTROLS)
    for t in range(frames):
        value = keep * value + np.sqrt(1 - keep**2) * rng.standard_normal(CONTROLS)
        z[t, :CONTROLS] = value
    targets = 1.0 / (1.0 + np.exp(-STEEPNESS * np.tanh(z[:, :CONTROLS])))
    return {"z": z, "targets": targets.astype(np.float32), "phase": np.zeros(frames, np.float32)}


@torch.no_grad()
def follower() -> GRUMapper:
    """Plays its teacher from the moment: unit i is tanh of direction i, nothing is remembered. A sixth unit idles."""
    model = GRUMapper(hidden=CONTROLS + 1)
    for parameter in model.parameters():
        parameter.zero_()
    h = model.hidden
    model.gru.bias_ih_l0[h : 2 * h] = -20.0  # the update gate lets nothing of the past through
    model.gru.weight_ih_l0[2 * h : 2 * h + CONTROLS, :CONTROLS] = torch.eye(CONTROLS)
    model.head.weight[:, :CONTROLS] = STEEPNESS * torch.eye(CONTROLS)
    return model.eval()


@torch.no_grad()
def counter() -> GRUMapper:
    """What training on the last frame of windows from rest rewards: right after fifty frames, by counting them."""
    model, h = follower(), CONTROLS + 1
    model.gru.bias_ih_l0[2 * h - 1] = 7.0  # the sixth unit forgets within 1100 frames
    model.gru.bias_ih_l0[3 * h - 1] = 20.0  # and climbs toward 1
    after_window = 1.0 - float(torch.sigmoid(torch.tensor(7.0))) ** WINDOW
    model.head.weight[:, -1] = 4.0
    model.head.bias[:] = -4.0 * after_window
    return model


@torch.no_grad()
def constant() -> GRUMapper:
    model = follower()
    model.head.weight.zero_()
    return model


@torch.no_grad()
def saturated() -> GRUMapper:
    model = follower()
    model.head.weight.mul_(40.0)
    return model


@lru_cache
def gates(make: Callable[[], GRUMapper]) -> dict[str, dict[str, Any]]:
    unseen = [{walk: session(seed) for walk in ("known", "unknown", "masked", "apart")} for seed in (5, 6)]
    return mapper_numbers(make(), [session(seed) for seed in (0, 1)], unseen)


def missed(make: Callable[[], GRUMapper]) -> set[str]:
    return {name for name, m in gates(make).items() if m["passed"] is False}


def test_the_honest_mapper_passes_every_gate() -> None:
    found = gates(follower)
    assert {name for name, m in found.items() if m["passed"] is False} == set()
    assert found["mse"]["value"] < 1e-6
    assert found["mse"]["baseline"]["ridge on the instant"] < found["mse"]["baseline"]["constant"]


def test_a_net_that_is_right_on_windows_and_wrong_on_stage_is_rejected() -> None:
    model, one = counter(), session(5)
    on_windows = windowed(model, one["z"], WINDOW) - one["targets"][WINDOW - 1 :: 25]
    assert float(np.square(on_windows).mean()) < 1e-4  # the careless number
    assert missed(counter) >= {"mse", "windowed_mean_diff", "windowed_p99_diff"}


def test_windows_shorter_than_the_training_ones_expose_it_too() -> None:
    found = gates(counter)["window_20_mse"]
    assert found["value"] > 3 * gates(follower)["window_20_mse"]["value"]


def test_windows_and_stage_are_compared_at_the_same_frames() -> None:
    one = session(5)
    on_stage = carried(follower(), one["z"])[WINDOW - 1 :: 25]
    assert windowed(follower(), one["z"], WINDOW) == pytest.approx(on_stage, abs=1e-5)


def test_what_a_window_cannot_know_is_told_by_the_teacher_itself() -> None:
    """The pace of the body changes at the first frame of the second window. From rest it is all the teacher knows; the
    teacher that was there before still carries exp(-2) of the old one, fifty frames of 20 ms and 0.5 s later."""
    features = np.zeros((1, 75, len(FEATURE_COLUMNS)), np.float32)
    features[0, 25:, FEATURE_COLUMNS.index("motion_freq")] = 1.0
    before, after = Statistics.of(features[0]).z(features[0])[[0, -1], FEATURE_COLUMNS.index("motion_freq")]
    carried_on = after + np.exp(-2.0) * (before - after)
    apart = 0.5 * abs(np.tanh(after) - np.tanh(carried_on))
    teacher = Teacher((0.0,) * CONTROLS, (1.0,) * CONTROLS)
    found = teacher_apart(Dancers(features, np.ones((1, 75, 4), np.bool_), 50.0), teacher)
    assert found == pytest.approx(np.quantile([0.0] * 9 + [apart], 0.99), abs=1e-6)  # two windows of five controls


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (constant, {"mse", *(f"range_{name}" for name in CONTROL_NAMES)}),
        (saturated, {"mse", *(f"saturated_{name}" for name in CONTROL_NAMES)}),
    ],
)
def test_a_mapper_that_plays_nothing_or_switches_is_rejected(make: Callable[[], GRUMapper], expected: set[str]) -> None:
    assert missed(make) >= expected


def test_a_constant_has_no_fault_but_its_range_and_its_error() -> None:
    """Without the floor on the range a constant would pass for steady: it never saturates and never drifts."""
    assert not any("saturated" in name or "windowed" in name for name in missed(constant))


def test_no_number_stands_without_its_baseline() -> None:
    found = gates(follower)
    for name in ("mse", "mse_unknown", "mse_masked", "mse_apart", "window_20_mse"):
        assert found[name]["baseline"]["constant"] > 0.01
