"""RMSSD says what it says it does, and nothing where too little is known."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from simulated_heart import at

from choreo_service.features import HeartFeatures


def heart_of(intervals: list[float]) -> HeartFeatures:
    features = HeartFeatures()
    for end, rr in zip(itertools.accumulate(intervals), intervals, strict=True):
        features.update("rr_interval", at(end), (rr,))
    return features


def test_intervals_that_alternate_by_thirty_ms() -> None:
    assert heart_of([0.80, 0.83] * 20).variability_ms == pytest.approx(30.0)


def test_independent_jitter_gives_its_deviation_times_the_root_of_two() -> None:
    rngs = [np.random.default_rng(seed) for seed in range(20)]
    found = [heart_of((0.8 + rng.normal(0.0, 0.02, 80)).tolist()).variability_ms for rng in rngs]
    assert np.mean(found) == pytest.approx(20.0 * math.sqrt(2.0), rel=0.05)


def test_fewer_than_ten_intervals_say_nothing() -> None:
    assert math.isnan(HeartFeatures().variability_ms)
    assert math.isnan(heart_of([0.8, 0.83] * 4 + [0.8]).variability_ms)
    assert not math.isnan(heart_of([0.8, 0.83] * 5).variability_ms)


def test_only_the_last_minute_counts() -> None:
    restless = [0.75, 0.85] * 40
    assert heart_of(restless + [0.8] * 20).variability_ms > 50.0
    assert heart_of(restless + [0.8] * 80).variability_ms == pytest.approx(0.0, abs=1e-9)


def test_a_missed_beat_is_no_variability() -> None:
    assert heart_of([0.8] * 20 + [1.6] + [0.8] * 20 + [0.4, 0.4] + [0.8] * 20).variability_ms == pytest.approx(0.0)


def test_intervals_beside_a_rejected_one_are_no_neighbours() -> None:
    before, after = [0.80] * 20, [0.88] * 20
    assert heart_of([*before, 1.68, *after]).variability_ms == pytest.approx(0.0, abs=1e-9)
    assert heart_of([*before, *after]).variability_ms == pytest.approx(80.0 / math.sqrt(39.0))


def test_a_gap_does_not_join_what_lies_around_it() -> None:
    features = heart_of([0.80] * 20)
    for i in range(20):
        features.update("rr_interval", at(30.0 + 0.88 * i), (0.88,))
    assert features.variability_ms == pytest.approx(0.0, abs=1e-9)


def test_the_straps_average_is_no_interval() -> None:
    features = HeartFeatures()
    for second in range(60):
        features.update("heart_rate", at(second), (60.0 + second % 7,))
    assert math.isnan(features.variability_ms)
