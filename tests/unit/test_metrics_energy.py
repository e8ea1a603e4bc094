"""Energy correlation: known answers, and every fake that must not pass."""

import numpy as np
import pytest
from metrics_takes import HZ, take

from choreo_pipelines.metrics import Outcome, energy_correlation
from choreo_pipelines.metrics.beat import bar_means
from choreo_pipelines.metrics.controls import clock_only, constant, delayed, shuffled, smoothed_noise

SEEDS = (0, 1, 2)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_density_that_follows_the_body_passes(seed: int) -> None:
    own = take(seed)
    got = energy_correlation(own.motion_energy, own.density, own.position, HZ)
    assert got.verdict.passed, got.verdict.reason
    assert got.r == pytest.approx(0.97, abs=0.02)
    assert got.lag_ms == pytest.approx(40, abs=20)
    assert got.null95 < 0.5
    assert got.bar_r > 0.97
    assert got.bars == pytest.approx(82, abs=2)
    assert got.coverage == 1.0


@pytest.mark.parametrize("seed", SEEDS)
def test_a_clock_looks_energetic_frame_by_frame_and_is_nothing_bar_by_bar(seed: int) -> None:
    own = take(seed)
    got = energy_correlation(own.motion_energy, clock_only(own.position), own.position, HZ)
    assert got.r > 0.3  # the threshold one is tempted by
    assert got.r > got.null95  # even chance doesn't expose it
    assert abs(got.bar_r) < 0.25
    assert f"bar-averaged r is {got.bar_r:.2f}, below 0.6" in got.verdict.reason


@pytest.mark.parametrize("seed", SEEDS)
def test_noise_another_body_and_shuffled_pieces_fail(seed: int) -> None:
    own, other = take(seed), take(seed + 10, bpm=123)
    for fake in (smoothed_noise(len(own.density), HZ, seed), other.density, shuffled(own.density, HZ, seed)):
        got = energy_correlation(own.motion_energy, fake, own.position, HZ)
        assert got.r < 0.6
        assert got.bar_r < 0.6
        assert got.verdict.outcome is Outcome.FAIL


def test_a_constant_fails() -> None:
    own = take()
    got = energy_correlation(own.motion_energy, constant(len(own.density)), own.position, HZ)
    assert got.verdict.outcome is Outcome.FAIL
    assert "stands still" in got.verdict.reason


def test_correlation_that_needs_more_lag_than_the_search_has_fails() -> None:
    own = take()
    got = energy_correlation(own.motion_energy, delayed(own.density, HZ, 0.1), own.position, HZ)
    assert got.r > 0.9  # the lag search alone would hide it
    assert got.lag_ms == pytest.approx(100)
    assert "edge of the search" in got.verdict.reason


@pytest.mark.parametrize("delay_s", [-0.06, 0.0, 0.04])
def test_the_lag_is_the_delay_of_the_density(delay_s: float) -> None:
    own = take()
    got = energy_correlation(own.motion_energy, delayed(own.motion_energy, HZ, delay_s), own.position, HZ)
    assert got.lag_ms == pytest.approx(delay_s * 1e3)
    assert got.r == pytest.approx(1.0, abs=0.01)


def test_slow_sections_alone_reach_chance_and_the_null_says_so() -> None:
    """Two signals of four long sections correlate by accident; the shifted copies do as well."""
    own = take()
    sections = np.repeat([0.1, 0.9, 0.3, 0.7], len(own.density) // 4)
    late = np.roll(sections, 600)
    got = energy_correlation(sections, late, own.position, HZ)
    assert got.r > 0.3
    assert got.null95 > 0.8
    assert "that chance reaches" in got.verdict.reason
    assert "bar-averaged r is not above its chance" in got.verdict.reason


def test_the_search_is_the_plain_maximum_of_pearson_over_the_overlap() -> None:
    own = take()
    x, y = own.motion_energy, np.roll(own.density, 2)
    got = energy_correlation(x, y, own.position, HZ)
    n = len(x)
    plain = {
        lag: np.corrcoef(x[max(0, -lag) : n - max(0, lag)], y[max(0, lag) : n - max(0, -lag)])[0, 1]
        for lag in range(-5, 6)
    }
    best = max(plain, key=plain.__getitem__)
    assert got.r == pytest.approx(plain[best], abs=1e-9)
    assert got.lag_ms == pytest.approx(best / HZ * 1e3)


def test_the_null_is_the_same_search_after_each_circular_shift() -> None:
    own, other = take(0, minutes=0.5), take(1, minutes=0.5)
    got = energy_correlation(own.motion_energy, other.density, own.position, HZ)
    x, y, n = own.motion_energy, other.density, len(own.density)
    at = {s: np.corrcoef(x, np.roll(y, -s))[0, 1] for s in range(240, n - 239)}
    null = [max(at[s + lag] for lag in range(-5, 6)) for s in range(250, n - 249)]
    assert got.null95 == pytest.approx(np.percentile(null, 95), abs=1e-9)


def test_the_null_of_the_bars_leaves_out_shifts_of_less_than_five_seconds() -> None:
    own = take()
    got = energy_correlation(own.motion_energy, own.density, own.position, HZ)
    body, density = bar_means(own.position, own.motion_energy, own.density)
    at = [np.corrcoef(body, np.roll(density, -s))[0, 1] for s in range(got.bars)]
    assert got.bar_r == pytest.approx(at[0], abs=1e-9)
    assert got.bar_null95 == pytest.approx(np.percentile(at[3:-2], 95), abs=1e-9)  # a bar lasts 2.2 s


def test_frames_without_motion_are_left_out() -> None:
    own = take()
    body = own.motion_energy.copy()
    body[2000:4000] = np.nan
    got = energy_correlation(body, own.density, own.position, HZ)
    known = np.isfinite(body[:-2])
    assert got.verdict.passed
    assert got.coverage == pytest.approx(7 / 9)
    assert got.r == pytest.approx(np.corrcoef(body[:-2][known], own.density[2:][known])[0, 1], abs=1e-9)


def test_without_a_beat_the_correlation_is_given_but_nothing_passes() -> None:
    own = take()
    got = energy_correlation(own.motion_energy, own.density, np.zeros(0), HZ)
    assert got.r > 0.9
    assert got.bar_r is None
    assert got.verdict.outcome is Outcome.NOT_COMPUTABLE
    assert "tell a body from a clock" in got.verdict.reason


def test_a_dozen_bars_are_too_few_to_average() -> None:
    own = take(minutes=0.5)
    got = energy_correlation(own.motion_energy, own.density, own.position, HZ)
    assert got.r > 0.9
    assert 10 <= got.bars <= 13
    assert got.bar_r is None
    assert not got.verdict.passed


def test_a_body_that_never_moves_and_a_short_take_cannot_be_judged() -> None:
    own = take()
    still = energy_correlation(np.ones_like(own.density), own.density, own.position, HZ)
    assert "never changes" in still.verdict.reason
    short = energy_correlation(own.motion_energy[:600], own.density[:600], own.position[:600], HZ)
    assert "too short" in short.verdict.reason
    assert {still.verdict.outcome, short.verdict.outcome} == {Outcome.NOT_COMPUTABLE}
