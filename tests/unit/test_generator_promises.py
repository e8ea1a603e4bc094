"""Every gate of the synthetic sessions, and for each a fake that it must reject."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from choreo_pipelines.generator import Settings, Synthetic, check, synthesize
from choreo_pipelines.generator.promises import fit_tau_s, peaks, resultant
from choreo_service.packets import FEATURE_COLUMNS

Features = NDArray[Any]


@pytest.fixture(scope="module")
def session() -> Synthetic:
    return synthesize(Settings(), seed=0, index=0)


def column(name: str) -> int:
    return FEATURE_COLUMNS.index(name)


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize(
    "settings", [Settings(), Settings(gestures=True), Settings(tau_s=15.0), Settings(tau_s=30.0, dead_time_s=4.0)]
)
def test_a_session_keeps_every_promise(settings: Settings, seed: int) -> None:
    truth = synthesize(settings, seed, 0)
    broken = [p for p in check(truth.features, truth) if not p.kept]
    assert broken == []


def test_through_a_strap_the_lag_is_reported_as_not_measurable() -> None:
    truth = synthesize(Settings(hr_mode="ble"), 0, 0)
    verdicts = {p.name: p.kept for p in check(truth.features, truth)}
    assert verdicts.pop("heart's lag") is None
    assert set(verdicts.values()) == {True}


def test_half_a_minute_has_too_few_peaks_to_judge_the_beat() -> None:
    truth = synthesize(Settings(minutes=0.5, bpm=(60.0, 60.0)), 0, 0)
    assert {p.name: p.kept for p in check(truth.features, truth)}["jerk on the beat"] is None


def _nan(x: Features) -> None:
    x[17, column("hip_sway")] = np.nan


def _wrong_unit(x: Features) -> None:
    x[:, column("hr")] /= 60.0


def _phase_of_one(x: Features) -> None:
    x[40, column("beat_phase")] = 1.0


def _random_jerk(x: Features) -> None:
    x[:, column("jerk")] = np.random.default_rng(0).permutation(x[:, column("jerk")])


def _clock_runs_away(x: Features) -> None:
    x[:, column("beat_phase")] = np.mod(x[:, column("beat_phase")] + np.linspace(0.0, 2.5, len(x)), 1.0)


def _slower_heart(x: Features) -> None:
    x[:, column("hr")] = synthesize(Settings(tau_s=3.7), 0, 0).features[:, column("hr")]


def _other_heart(x: Features) -> None:
    x[:, column("hr")] = synthesize(Settings(), 0, 1).features[:, column("hr")]


def _one_section(x: Features) -> None:
    x[:, column("context")] = 0.4


@pytest.mark.parametrize(
    ("promise", "fake"),
    [
        ("finite", _nan),
        ("in bounds", _nan),
        ("in bounds", _wrong_unit),
        ("in bounds", _phase_of_one),
        ("jerk on the beat", _random_jerk),
        ("jerk on the beat", _clock_runs_away),
        ("heart's lag", _slower_heart),
        ("heart's lag", _other_heart),
        ("context varies", _one_section),
        ("reproducible", _one_section),
    ],
)
def test_a_fake_breaks_its_promise(session: Synthetic, promise: str, fake: Callable[[Features], None]) -> None:
    features = session.features.copy()
    fake(features)
    verdicts = {p.name: p.kept for p in check(features, session)}
    assert verdicts[promise] is False


def test_a_take_cut_short_is_not_what_its_seed_gives(session: Synthetic) -> None:
    verdicts = {p.name: p.kept for p in check(session.features[:-1], session)}
    assert verdicts["reproducible"] is False
    assert verdicts["heart's lag"] is None


@pytest.mark.parametrize("tau_s", [3.0, 15.0, 30.0, 60.0])
def test_regression_finds_the_time_constant(tau_s: float) -> None:
    truth = synthesize(Settings(tau_s=tau_s, dead_time_s=2.0), 3, 0)
    hr = truth.features[:, column("hr")].astype(np.float64)
    assert fit_tau_s(hr, truth.target_bpm) == pytest.approx(tau_s, abs=0.3)


def test_dead_time_is_heard_by_the_heart_alone() -> None:
    prompt, late = (synthesize(Settings(dead_time_s=s), 0, 0) for s in (0.0, 4.0))
    np.testing.assert_array_equal(late.features[:, :6], prompt.features[:, :6])
    np.testing.assert_allclose(late.target_bpm[200:], prompt.target_bpm[:-200])
    assert not np.allclose(late.features[:, column("hr")], prompt.features[:, column("hr")])


def test_a_still_heart_has_no_time_constant() -> None:
    assert fit_tau_s(np.full(100, 70.0), np.full(100, 90.0)) == np.inf


def test_resultant_of_known_phases() -> None:
    opposite = np.array([0.0, 0.5] * 50)
    assert resultant(opposite, 1) == pytest.approx(0.0, abs=1e-12)
    assert resultant(opposite, 2) == pytest.approx(1.0)
    assert resultant(np.zeros(0), 1) == 0.0


def test_peaks_are_apart_and_tall() -> None:
    x = np.zeros(200)
    x[[50, 53, 100, 150]] = [1.0, 0.9, 0.2, 0.8]
    x[::9] += 0.05
    x[40:60] += 0.5  # so that the 95 % quantile is above the small one
    assert peaks(x).tolist() == [50, 150]


def test_a_promise_about_another_session_is_broken(session: Synthetic) -> None:
    other = synthesize(Settings(), 0, 1)
    assert {p.name: p.kept for p in check(session.features, other)}["reproducible"] is False
