"""Whatever a mapper gives: what leaves the guards is finite, in range and slow enough."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from choreo_service.guards import Clamp, Guards, HoldLastValid, RateLimit, Smooth
from choreo_service.packets import CONTROLS

PERIOD_S = 0.02
TABLE = list(CONTROLS.values())
RATE = np.array([c.rate_per_s for c in TABLE])

anything = hnp.arrays(np.float32, (2, 5), elements=st.floats(width=32, allow_nan=True, allow_infinity=True))
runs = st.lists(st.tuples(anything, st.integers(1, 50)), min_size=1, max_size=20)


@given(runs)
@settings(max_examples=200)
def test_output_is_finite_in_range_and_within_the_rate(run: list) -> None:
    guards = Guards(2, PERIOD_S)
    last = np.tile([c.neutral for c in TABLE], (2, 1)).astype(np.float32)
    for raw, dk in run:
        out, held = guards.step(raw, dk)
        assert np.isfinite(out).all()
        assert (out >= 0).all()
        assert (out <= 1).all()
        assert (np.abs(out - last) <= RATE * min(dk * PERIOD_S, 0.1) + 1e-6).all()
        assert held == (not np.isfinite(raw).all())
        last = out


@given(runs, runs)
@settings(max_examples=50)
def test_saved_state_continues_with_the_same_bytes(before: list, after: list) -> None:
    first, second = Guards(2, PERIOD_S), Guards(2, PERIOD_S)
    for raw, dk in before:
        first.step(raw, dk)
    second.load_state(first.state())
    for raw, dk in after:
        assert first.step(raw, dk)[0].tobytes() == second.step(raw, dk)[0].tobytes()


def test_hold_repeats_the_last_finite_value_of_each_element() -> None:
    hold = HoldLastValid(np.full((1, 5), 0.5))
    hold.step(np.array([[0.1, 0.2, 0.3, 0.4, 0.5]]))
    out, held = hold.step(np.array([[np.nan, 0.9, np.inf, -np.inf, 0.6]]))
    assert out.tolist() == [[0.1, 0.9, 0.3, 0.4, 0.6]]
    assert held.tolist() == [[True, False, True, True, False]]


def test_the_rate_is_per_second_whatever_the_tick() -> None:
    for period_s in (0.005, 0.02, 0.05):
        limit = RateLimit(np.zeros((1, 5)), np.full(5, 2.0), period_s)
        for _ in range(round(0.2 / period_s)):
            out = limit.step(np.ones((1, 5)), 1)
        assert out == pytest.approx(np.full((1, 5), 0.4))


def test_smoothing_reaches_63_percent_after_its_time_constant_also_over_a_skip() -> None:
    steady = Smooth(np.zeros((1, 5)), np.full(5, 0.2), PERIOD_S)
    for _ in range(10):
        out = steady.step(np.ones((1, 5)), 1)
    skipping = Smooth(np.zeros((1, 5)), np.full(5, 0.2), PERIOD_S)
    assert out == pytest.approx(np.full((1, 5), 1 - np.exp(-1)))
    assert skipping.step(np.ones((1, 5)), 10) == pytest.approx(out)


def test_clamp_keeps_each_control_in_its_own_range() -> None:
    clamp = Clamp(np.array([0, 0.2, 0, 0, 0]), np.array([1, 0.4, 1, 1, 0.5]))
    assert clamp.step(np.array([[-3.0, 0.1, 0.5, 7.0, 0.9]])).tolist() == [[0.0, 0.2, 0.5, 1.0, 0.5]]
