"""Phase coherence: known answers, and every fake that must not pass."""

import math

import numpy as np
import pytest
from metrics_takes import HZ, bumps, steady_beat, take

from choreo_pipelines.metrics import Outcome, beat_position, phase_coherence
from choreo_pipelines.metrics.controls import clock_only, constant, delayed, shuffled, smoothed, smoothed_noise

SEEDS = (0, 1, 2)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_density_that_follows_a_dancer_on_the_beat_passes(seed: int) -> None:
    own = take(seed)
    got = phase_coherence(own.density, own.position, HZ)
    assert got.verdict.passed, got.verdict.reason
    assert got.c0 == pytest.approx(0.9, abs=0.04)
    assert got.r1 == pytest.approx(0.99, abs=0.02)
    assert got.r2 == pytest.approx(0.95, abs=0.03)
    assert got.c0_low < got.c0 < got.c0_high
    assert got.v_p < 1e-6
    assert got.mean_ms == pytest.approx(35, abs=10)  # the smoothing of the rule itself
    assert got.bpm == pytest.approx(110, rel=0.02)


def test_the_answer_repeats_for_a_seed() -> None:
    own = take()
    first, again, other = (phase_coherence(own.density, own.position, HZ, seed=s) for s in (3, 3, 4))
    assert first == again
    assert first.c0_low != other.c0_low


@pytest.mark.parametrize(("delay_s", "c0"), [(0.06, 0.41), (0.1, -0.03), (0.16, -0.65)])
def test_a_late_density_fails_though_its_resultant_length_stays(delay_s: float, c0: float) -> None:
    own = take()
    late = phase_coherence(delayed(own.density, HZ, delay_s), own.position, HZ)
    prompt = phase_coherence(own.density, own.position, HZ)
    assert late.r1 == pytest.approx(0.99, abs=0.02)  # the tempting number
    assert late.c0 == pytest.approx(c0, abs=0.1)
    assert late.verdict.outcome is Outcome.FAIL
    assert f"C0 is {late.c0:.2f}" in late.verdict.reason
    assert late.mean_ms - prompt.mean_ms == pytest.approx(delay_s * 1e3, abs=3)


@pytest.mark.parametrize("bpm", [90.0, 110.0, 130.0, 150.0])
@pytest.mark.parametrize("delay_s", [0.0, 0.06, 0.1, 0.16])
def test_coherence_falls_as_the_cosine_of_the_delay(bpm: float, delay_s: float) -> None:
    position = beat_position(*steady_beat(bpm))
    late = phase_coherence(delayed(clock_only(position), HZ, delay_s), position, HZ)
    assert late.c0 == pytest.approx(math.cos(2 * math.pi * bpm / 60 * delay_s), abs=0.05)


@pytest.mark.parametrize(("bpm", "budget_ms"), [(90, 98), (110, 81), (130, 68), (150, 59)])
def test_the_gate_allows_the_lag_budget_and_no_more(bpm: float, budget_ms: float) -> None:
    position = beat_position(*steady_beat(bpm))
    inside, beyond = (
        phase_coherence(delayed(clock_only(position), HZ, (budget_ms + extra) / 1e3), position, HZ)
        for extra in (-12, 12)  # a frame is 20 ms
    )
    assert inside.verdict.passed, inside.verdict.reason
    assert not beyond.verdict.passed


@pytest.mark.parametrize(("tau_s", "lag_ms"), [(0.03, 29), (0.06, 53), (0.1, 74), (0.25, 107)])
def test_smoothing_costs_the_lag_of_a_one_pole_filter(tau_s: float, lag_ms: float) -> None:
    position = beat_position(*steady_beat(110))
    got = phase_coherence(smoothed(clock_only(position), HZ, tau_s), position, HZ)
    assert got.mean_ms == pytest.approx(lag_ms, abs=12)  # the sampled filter is up to half a frame faster


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_a_constant_fails_instead_of_being_skipped(value: float) -> None:
    own = take()
    got = phase_coherence(constant(len(own.density), value), own.position, HZ)
    assert got.verdict.outcome is Outcome.FAIL
    assert "stands still" in got.verdict.reason


def test_a_density_that_hardly_moves_fails_however_well_timed() -> None:
    own = take()
    got = phase_coherence(0.5 + 0.01 * own.density, own.position, HZ)
    assert got.verdict.outcome is Outcome.FAIL
    assert got.c0 is None


@pytest.mark.parametrize("seed", SEEDS)
def test_noise_and_shuffled_pieces_have_no_coherence(seed: int) -> None:
    own = take(seed)
    for fake in (smoothed_noise(len(own.density), HZ, seed), shuffled(own.density, HZ, seed)):
        got = phase_coherence(fake, own.position, HZ)
        assert abs(got.c0) < 0.2
        assert not got.verdict.passed


def test_another_bodys_density_has_no_coherence_with_this_beat() -> None:
    own, other = take(0, bpm=110), take(1, bpm=123)
    got = phase_coherence(other.density, own.position, HZ)
    assert abs(got.c0) < 0.35
    assert not got.verdict.passed


def test_a_clock_alone_is_perfect_here_which_is_why_coherence_alone_proves_no_dancer() -> None:
    own = take()
    got = phase_coherence(clock_only(own.position), own.position, HZ)
    assert got.c0 > 0.99
    assert got.verdict.passed


@pytest.mark.parametrize(
    ("n", "c0_chance", "r1_chance"), [(8, 0.41, 0.61), (16, 0.29, 0.43), (30, 0.21, 0.32), (60, 0.15, 0.22)]
)
def test_few_peaks_fail_and_the_chance_values_say_why(n: int, c0_chance: float, r1_chance: float) -> None:
    minutes = (n + 1) * 5 / 110
    position = beat_position(*steady_beat(110, minutes))
    got = phase_coherence(bumps(np.arange(1, n + 1) * 5.0, 110, minutes), position, HZ)
    assert got.n_peaks == n
    assert got.c0 > 0.95
    assert got.c0_chance == pytest.approx(c0_chance, abs=0.01)
    assert got.r1_chance == pytest.approx(r1_chance, abs=0.01)
    assert got.verdict.passed == (n >= 60)
    assert ("chance" in got.verdict.reason) == (n < 60)


def test_the_v_test_gives_five_percent_at_its_chance_value() -> None:
    position = beat_position(*steady_beat(110, 1.4))
    offset = math.acos(0.2124) / (2 * math.pi)  # every peak where the cosine is the chance value of 30 peaks
    got = phase_coherence(bumps(np.arange(1, 31) * 5.0 + offset, 110, 1.4), position, HZ)
    assert got.v_p == pytest.approx(0.05, abs=0.02)
    assert got.rayleigh_p < 1e-9  # concentrated, only not on the beat


def test_the_rayleigh_test_gives_five_percent_at_its_chance_value() -> None:
    position = beat_position(*steady_beat(110, 1.4))
    apart = math.acos(0.316) / (2 * math.pi)  # to either side in turn: the resultant is the chance value of 30 peaks
    got = phase_coherence(bumps(np.arange(1, 31) * 5.0 + np.tile([apart, -apart], 15), 110, 1.4), position, HZ)
    assert got.r1 == pytest.approx(got.r1_chance, abs=0.02)
    assert got.rayleigh_p == pytest.approx(0.05, abs=0.02)


def test_the_interval_counts_bars_because_peaks_of_a_bar_agree() -> None:
    position = beat_position(*steady_beat(110))
    off_beat = np.repeat(np.arange(80) % 10 == 0, 4) * 0.5
    got = phase_coherence(bumps(np.arange(320) + 4.0 + off_beat, 110), position, HZ)
    by_bars = 3.92 * 2 * math.sqrt(0.1 * 0.9 / 80)
    assert got.c0_high - got.c0_low == pytest.approx(by_bars, rel=0.1)  # by peaks: half of it


def test_a_mean_that_passes_fails_when_its_interval_reaches_too_low() -> None:
    position = beat_position(*steady_beat(110))
    off_beat = np.repeat(np.arange(80) % 6 == 0, 4) * 0.5
    got = phase_coherence(bumps(np.arange(320) + 4.0 + off_beat, 110), position, HZ)
    assert got.c0 > 0.6
    assert got.verdict.reason.startswith("the 95 % interval of C0 starts at")


def test_two_peaks_per_beat_need_the_doubled_phase() -> None:
    position = beat_position(*steady_beat(110))
    got = phase_coherence(bumps(np.arange(2, 640) / 2, 110), position, HZ)
    assert got.r1 < 0.1  # the tempting number
    assert got.r2 > 0.9
    late = phase_coherence(bumps(np.arange(2, 640) / 2 + 0.18, 110), position, HZ)
    assert late.r2 > 0.9
    assert late.c2 < 0


def test_peaks_without_a_known_beat_are_left_out() -> None:
    own = take()
    phase = own.beat_phase.copy()
    phase[3000:6000] = np.nan
    whole = phase_coherence(own.density, own.position, HZ)
    got = phase_coherence(own.density, beat_position(phase, own.beat_idx), HZ)
    assert got.n_peaks == pytest.approx(whole.n_peaks * 2 / 3, rel=0.1)
    assert got.c0 == pytest.approx(whole.c0, abs=0.03)
    assert got.mean_ms == pytest.approx(whole.mean_ms, abs=3)


def test_a_transport_that_stands_is_no_beat() -> None:
    own = take()
    standing = beat_position(np.zeros_like(own.beat_phase), np.zeros_like(own.beat_idx))
    got = phase_coherence(own.density, standing, HZ)
    assert got.verdict.outcome is Outcome.NOT_COMPUTABLE  # every peak would lie at phase 0
    assert "no running beat" in got.verdict.reason
