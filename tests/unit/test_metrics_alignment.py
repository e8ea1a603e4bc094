"""Beat alignment: both directions and their chance values; never a gate."""

import numpy as np
import pytest
from metrics_takes import HZ, bumps, steady_beat, take

from choreo_pipelines.metrics import beat_alignment, beat_position
from choreo_pipelines.metrics.alignment import chance_precision, chance_recall
from choreo_pipelines.metrics.controls import clock_only, delayed

POSITION = beat_position(*steady_beat(110))


def test_a_clock_is_aligned_both_ways() -> None:
    got = beat_alignment(clock_only(POSITION), POSITION, HZ)
    assert got.precision > 0.95
    assert got.recall > 0.95
    assert got.f1 > 0.95
    assert got.n_peaks == pytest.approx(got.n_beats, abs=2)


def test_a_dancer_is_aligned_and_one_late_by_160_ms_is_not() -> None:
    own = take()
    prompt = beat_alignment(own.density, own.position, HZ)
    late = beat_alignment(delayed(own.density, HZ, 0.16), own.position, HZ)
    assert prompt.precision == pytest.approx(0.8, abs=0.06)
    assert prompt.recall == pytest.approx(0.65, abs=0.06)
    assert late.precision < 0.05


def test_peaks_on_every_second_beat_are_precise_and_recall_half() -> None:
    got = beat_alignment(bumps(np.arange(2, 330, 2.0), 110), POSITION, HZ)
    assert got.precision > 0.95
    assert got.recall == pytest.approx(0.5, abs=0.03)
    assert got.f1 == pytest.approx(2 * got.precision * got.recall / (got.precision + got.recall))


@pytest.mark.parametrize(("bpm", "chance"), [(110, 0.23), (150, 0.31)])
def test_chance_precision_of_a_tempo(bpm: float, chance: float) -> None:
    assert chance_precision(60 / bpm) == pytest.approx(chance, abs=0.005)


@pytest.mark.parametrize(("peaks_per_s", "chance"), [(8, 0.58), (2, 0.21)])
def test_chance_recall_grows_with_the_number_of_peaks(peaks_per_s: float, chance: float) -> None:
    assert chance_recall(peaks_per_s) == pytest.approx(chance, abs=0.01)


def test_random_peaks_score_their_chance_values() -> None:
    rng = np.random.default_rng(0)
    places = np.cumsum(rng.uniform(0.6, 1.8, 250))  # beats; farther apart than two peaks may be
    got = beat_alignment(bumps(places[places < 328], 110), POSITION, HZ)
    assert got.precision == pytest.approx(got.precision_chance, abs=0.05)
    assert got.recall == pytest.approx(got.recall_chance, abs=0.05)


def test_a_constant_has_no_peaks() -> None:
    got = beat_alignment(np.full(len(POSITION), 0.5), POSITION, HZ)
    assert not got.verdict.passed
    assert got.f1 is None
