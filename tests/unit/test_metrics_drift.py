"""Drift stability over a looped take: Lin's concordance, and the fakes that means would pass."""

import numpy as np
import pytest
from metrics_takes import HZ, take

from choreo_pipelines.metrics import Outcome, concordance, drift_stability
from choreo_pipelines.metrics.controls import constant, smoothed, smoothed_noise, stretched

NAMES = ("density",)
LOOP = 6000  # two minutes
PASSES = 4


def looped() -> np.ndarray:
    return np.tile(take(minutes=2).density, PASSES)


def by_means(track: np.ndarray) -> float:
    """The tempting metric: how little the mean moves, as a share of the range."""
    first, last = track[LOOP : 2 * LOOP], track[-LOOP:]
    return 1 - abs(last.mean() - first.mean()) / max(np.ptp(first), 1e-9)


def drift(track: np.ndarray) -> object:
    return drift_stability(track[:, None], LOOP, HZ, names=NAMES)


def test_the_same_pass_again_is_perfectly_stable() -> None:
    got = drift(looped())
    assert got.verdict.passed, got.verdict.reason
    assert got.ccc["density"] == pytest.approx(1.0)
    assert got.passes == PASSES
    assert got.span_s == 360


def test_a_constant_fails_though_its_mean_never_moves() -> None:
    track = constant(LOOP * PASSES)
    assert by_means(track) == 1.0
    got = drift(track)
    assert got.ccc["density"] == 0.0
    assert got.verdict.outcome is Outcome.FAIL


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_stationary_noise_fails_though_its_mean_hardly_moves(seed: int) -> None:
    track = smoothed_noise(LOOP * PASSES, HZ, seed)
    assert by_means(track) > 0.98
    got = drift(track)
    assert abs(got.ccc["density"]) < 0.15
    assert got.verdict.outcome is Outcome.FAIL


def test_a_clock_a_thousandth_fast_fails_though_its_mean_hardly_moves() -> None:
    track = stretched(looped(), 1.001)
    assert by_means(track) > 0.98
    got = drift(track)
    assert got.ccc["density"] < 0.9
    assert got.verdict.outcome is Outcome.FAIL


def test_a_control_that_dies_into_a_tiny_exact_copy_fails_by_its_range() -> None:
    got = drift(0.5 + 0.05 * looped())
    assert got.ccc["density"] == pytest.approx(1.0)
    assert "uses 0.0" in got.verdict.reason


def test_a_control_that_has_died_by_the_last_pass_fails_by_its_range_too() -> None:
    track = looped()
    track[-LOOP:] = track.mean()
    got = drift(track)
    assert got.used_range["density"] == 0.0
    assert "density uses 0.00" in got.verdict.reason


def test_a_slow_ramp_and_a_lost_gain_both_lower_concordance() -> None:
    track = looped()
    ramp = drift(track + np.linspace(0, 0.3, len(track)))
    gain = drift(track * np.linspace(1, 0.6, len(track)))
    assert ramp.ccc["density"] < 0.95
    assert gain.ccc["density"] < 0.95


def test_every_control_must_hold_and_the_failing_one_is_named() -> None:
    good, bad = looped(), smoothed_noise(LOOP * PASSES, HZ)
    got = drift_stability(np.stack([good, bad], axis=1), LOOP, HZ, names=("density", "tension"))
    assert got.ccc["density"] > 0.99
    assert "tension" in got.verdict.reason
    assert "density" not in got.verdict.reason


def test_the_first_pass_may_settle() -> None:
    track = looped()
    track[:LOOP] = smoothed(track[:LOOP], HZ, 5.0)
    assert drift(track).verdict.passed


@pytest.mark.parametrize("frames", [0, LOOP, 2 * LOOP, 3 * LOOP - 1])
def test_too_few_passes_cannot_be_judged(frames: int) -> None:
    got = drift(looped()[:frames])
    assert got.verdict.outcome is Outcome.NOT_COMPUTABLE


def test_too_short_a_loop_cannot_show_drift() -> None:
    got = drift_stability(looped()[: 3 * LOOP, None], LOOP, HZ, names=NAMES)
    assert got.verdict.outcome is Outcome.NOT_COMPUTABLE
    assert "240 s" in got.verdict.reason


def test_concordance_of_known_numbers() -> None:
    a = np.array([1.0, 2.0, 3.0, 4.0])
    assert concordance(a, a + 1) == pytest.approx(2 * 1.25 / (1.25 + 1.25 + 1))
    assert concordance(a, 2 * a) == pytest.approx(2 * 2.5 / (1.25 + 5 + 6.25))
    assert concordance(a, a[::-1]) == pytest.approx(-1.0)
