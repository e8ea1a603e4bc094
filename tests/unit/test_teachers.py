"""One test per rule of the teacher, and what holds for all of them."""

from __future__ import annotations

import json
import math
from dataclasses import asdict

import numpy as np
import pytest
from numpy.typing import NDArray

from choreo_pipelines.generator import Settings, synthesize
from choreo_pipelines.teachers import SPREAD_FLOOR, Statistics, Teacher, ema
from choreo_service.packets import CONTROL_NAMES, FEATURE_COLUMNS

DT = 0.02
UNIT = Statistics(np.zeros(11), np.ones(11))  # features are their own z
PLAIN = Teacher((0.0,) * 5, (1.0,) * 5)


def answer(feature: str, x: NDArray[np.float64], teacher: Teacher = PLAIN) -> NDArray[np.float32]:
    """Targets [T, 5] when `feature` goes as `x` and all others rest at 0."""
    features = np.zeros((len(x), 11))
    features[:, FEATURE_COLUMNS.index(feature)] = x
    return teacher.targets(features, UNIT)


def step(n: int = 200) -> NDArray[np.float64]:
    return np.where(np.arange(n) < 50, 0.0, 1.0)


def assert_only(control: str, targets: NDArray[np.float32]) -> None:
    moved = np.ptp(targets, axis=0) > 0
    assert [n for n, m in zip(CONTROL_NAMES, moved, strict=True) if m] == [control]


def assert_step(feature: str, control: str, tau_s: float) -> None:
    """A step of one deviation is answered by this control alone, with this time constant."""
    targets = answer(feature, step())
    assert_only(control, targets)
    played = targets[:, CONTROL_NAMES.index(control)]
    assert played[49] == 0.5
    frames = np.arange(1, 151)
    expected = 0.5 + 0.5 * np.tanh(1 - np.exp(-frames * DT / tau_s) if tau_s else np.ones(150))
    np.testing.assert_allclose(played[50:], expected, atol=1e-6)


def test_tempo_scale_follows_the_motion_frequency_in_half_a_second() -> None:
    assert_step("motion_freq", "tempo_scale", 0.5)


def test_density_follows_the_motion_energy_in_sixty_milliseconds() -> None:
    assert_step("motion_energy", "density", 0.06)


def test_tension_follows_the_slope_of_the_heart_in_half_a_second() -> None:
    assert_step("hr_slope", "tension", 0.5)


def test_brightness_follows_the_symmetry_in_three_tenths_of_a_second() -> None:
    assert_step("symmetry", "brightness", 0.3)


def test_fx_send_is_the_jerk_at_once() -> None:
    assert_step("jerk", "fx_send", 0.0)


@pytest.mark.parametrize("feature", ["hip_sway", "hip_bounce", "hr", "beat_phase", "beat_idx", "context"])
def test_no_rule_listens_to_the_others(feature: str) -> None:
    assert np.ptp(answer(feature, step()), axis=0).max() == 0


def test_middle_is_the_median_and_for_jerk_and_frequency_the_midrange() -> None:
    """A feature that is high one frame in ten: its median says nothing, its 5 % and 95 % quantiles do."""
    x = np.tile([4.0, *[0.0] * 9], 100)
    features = np.zeros((1000, 11))
    for name in ("jerk", "motion_freq", "motion_energy", "symmetry", "hr_slope"):
        features[:, FEATURE_COLUMNS.index(name)] = x
    teacher = Teacher.fit([(features, UNIT)])
    assert dict(zip(CONTROL_NAMES, teacher.middle, strict=True)) == {
        "tempo_scale": 2.0,
        "density": 0.0,
        "tension": 0.0,
        "brightness": 0.0,
        "fx_send": 2.0,
    }
    assert teacher.spread == (2.0,) * 5


def test_quantiles_land_at_tanh_of_one() -> None:
    x = np.linspace(-3.0, 5.0, 1001)
    features = np.zeros((1001, 11))
    features[:, FEATURE_COLUMNS.index("jerk")] = x
    played = Teacher.fit([(features, UNIT)]).targets(features, UNIT)[:, 4]
    assert np.interp(np.quantile(x, [0.05, 0.5, 0.95]), x, played) == pytest.approx(
        [0.5 - 0.5 * math.tanh(1), 0.5, 0.5 + 0.5 * math.tanh(1)], abs=1e-3
    )


def test_a_resting_feature_moves_its_control_little() -> None:
    teacher = Teacher.fit([(np.zeros((100, 11)), UNIT)])
    assert teacher.spread == (SPREAD_FLOOR,) * 5
    assert teacher.targets(np.zeros((10, 11)), UNIT).tolist() == [[0.5] * 5] * 10


def test_statistics_make_performers_alike() -> None:
    """A body twice as large, with another resting heart, is taught the same."""
    features = synthesize(Settings(minutes=1.0), 0, 0).features.astype(np.float64)
    larger = features * 2.0 + 3.0
    teacher = Teacher.fit([(features, Statistics.of(features))])
    np.testing.assert_allclose(
        teacher.targets(larger, Statistics.of(larger)), teacher.targets(features, Statistics.of(features)), atol=1e-5
    )


def test_targets_are_causal() -> None:
    session = synthesize(Settings(minutes=0.5), 0, 0).features
    statistics = Statistics.of(session)
    teacher = Teacher.fit([(session, statistics)])
    whole = teacher.targets(session, statistics)
    np.testing.assert_array_equal(teacher.targets(session[:700], statistics), whole[:700])


@pytest.mark.parametrize("hr_mode", ["clean", "ble"])
def test_on_synthetic_sessions_every_control_has_range_and_none_sticks(hr_mode: str) -> None:
    sessions = [synthesize(Settings(hr_mode=hr_mode), 0, i).features for i in range(8)]
    pairs = [(features, Statistics.of(features)) for features in sessions]
    teacher = Teacher.fit(pairs[:4])
    for unseen in pairs[4:]:
        played = teacher.targets(*unseen)
        low, high = np.quantile(played, [0.05, 0.95], axis=0)
        assert (high - low >= 0.4).all()
        assert ((played < 0.02) | (played > 0.98)).mean(axis=0).max() <= 0.05


def test_ema_of_a_step_and_without_time_constant() -> None:
    y = ema(step(100), 0.1)
    assert y[54] == pytest.approx(1 - math.exp(-1.0))
    assert ema(step(100), 0.0).tolist() == step(100).tolist()
    assert ema(np.zeros(0), 0.1).tolist() == []
    # half the period, twice the frames, the same time
    assert ema(np.where(np.arange(200) < 100, 0.0, 1.0), 0.1, 0.01)[109] == pytest.approx(y[54])


def test_a_teacher_survives_json() -> None:
    teacher = Teacher((0.1, 0.2, 0.3, 0.4, 0.5), (1.0, 2.0, 3.0, 4.0, 5.0))
    saved = json.loads(json.dumps(asdict(teacher)))
    assert Teacher(tuple(saved["middle"]), tuple(saved["spread"])) == teacher


@pytest.mark.parametrize(
    ("features", "expected"),
    [
        (np.zeros((5, 10)), r"\[T, 11\], found \[5, 10\]"),
        (np.zeros((0, 11)), "found"),
        (np.full((5, 11), np.nan), "nan in motion_energy"),
    ],
)
def test_features_that_are_none_are_refused(features: NDArray[np.float64], expected: str) -> None:
    with pytest.raises(ValueError, match=expected):
        PLAIN.targets(features, UNIT)
    with pytest.raises(ValueError, match=expected):
        Statistics.of(features)


def test_no_session_no_teacher() -> None:
    with pytest.raises(ValueError, match="at least one session"):
        Teacher.fit([])
