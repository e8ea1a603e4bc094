"""Numbers people trust: percentiles within their stated resolution, counts that add up."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from choreo_service.clock import MS
from choreo_service.packets import Frame, Step, states_of
from choreo_service.telemetry import Histogram, Telemetry
from choreo_service.ticker import Tick


@given(st.lists(st.integers(2_000, 10**10), min_size=1, max_size=300), st.sampled_from([1, 50, 90, 99, 100]))
def test_percentiles_are_right_within_ten_percent(values: list[int], percent: int) -> None:
    histogram = Histogram()
    for value in values:
        histogram.add(value)
    exact_ms = float(np.percentile(values, percent, method="inverted_cdf")) / MS
    assert exact_ms * 0.999 <= histogram.percentile_ms(percent) <= exact_ms * 1.1
    assert histogram.percentile_ms(100) == pytest.approx(max(values) / MS)


def test_an_empty_histogram_is_zero() -> None:
    assert Histogram().percentile_ms(99) == 0.0


def test_what_is_too_short_to_tell_apart_is_one_bin() -> None:
    histogram = Histogram()
    for ns in (0, 1, 999, 1000):
        histogram.add(ns)
    assert histogram.percentile_ms(1) == histogram.percentile_ms(100) == 1000 / MS


def step(k: int, dk: int, heart_age_s: float, *, held: bool = False) -> Step:
    z = np.zeros((1, 6), np.float32)
    age = np.array([[0.0, heart_age_s, 0.0, 0.0]], np.float32)
    state = states_of(np.array([[True, heart_age_s <= 8, True, True]]))
    frame = Frame(k, dk, k * 20 * MS, z, z[:, :2], z[:, :2], z[:, :1], state, age)
    return Step(frame, None, z[:, :5], z[:, :5], held=held, mapper="rules")


def test_a_run_adds_up() -> None:
    telemetry = Telemetry(period_ns=20 * MS, performers=1)
    for k, dk, age in ((1, 1, 0), (2, 1, 4), (5, 3, 99), (6, 1, 99)):
        telemetry.observe(Tick(k, dk, k * 20 * MS, 0), step(k, dk, age, held=k == 6), 50_000)
    assert (telemetry.ticks, telemetry.skipped, telemetry.held) == (4, 2, 1)
    assert telemetry.coverage(0, "heart") == 0.5
    assert telemetry.coverage(0, "motion") == 1.0
    assert telemetry.states == [{"motion": "live", "heart": "missing", "beat": "live", "context": "live"}]
    assert telemetry.hz == pytest.approx(3 / 0.1)
    json.dumps(telemetry.snapshot(), allow_nan=False)
    assert "4 at 30.00 Hz (grid 50.00 Hz), 2 skipped, 1 held" in telemetry.text()
    assert "heart 50.0 %" in telemetry.text()
