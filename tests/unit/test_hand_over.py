"""From one player's positions to another's: even steps, nothing beyond the two, nothing made of what isn't finite."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from model_samples import through_json

from choreo_service.hand_over import HAND_OVER_S, HandOver
from choreo_service.packets import FloatArray

PERIOD_S = 0.02
TICKS = round(HAND_OVER_S / PERIOD_S)


def at(position: float, performers: int = 1) -> FloatArray:
    return np.full((performers, 5), position, np.float32)


def test_outside_a_hand_over_nothing_is_touched() -> None:
    hand_over, given_ = HandOver(2, PERIOD_S), at(0.4, 2)
    assert hand_over.step(given_, 1) is given_


def test_a_goal_that_stands_still_is_reached_in_even_steps() -> None:
    hand_over = HandOver(1, PERIOD_S)
    hand_over.step(at(0.2), 1)
    hand_over.begin()
    way = [0.2, *(float(hand_over.step(at(0.8), 1)[0, 0]) for _ in range(TICKS))]
    assert np.diff(way) == pytest.approx(0.6 / TICKS, rel=1e-3)
    assert way[-1] == pytest.approx(0.8)
    after = at(0.1)
    assert hand_over.step(after, 1) is after


def test_skipped_slots_count() -> None:
    even, skipping = HandOver(1, PERIOD_S), HandOver(1, PERIOD_S)
    for hand_over in (even, skipping):
        hand_over.step(at(0.0), 1)
        hand_over.begin()
    for _ in range(9):
        even.step(at(1.0), 1)
    assert skipping.step(at(1.0), 10) == pytest.approx(even.step(at(1.0), 1), abs=1e-6)
    assert skipping.step(at(1.0), 10 * TICKS)[0, 0] == 1.0


def test_one_that_is_under_way_starts_again_from_where_it_is() -> None:
    hand_over = HandOver(1, PERIOD_S)
    hand_over.step(at(0.0), 1)
    hand_over.begin()
    before = [float(hand_over.step(at(1.0), 1)[0, 0]) for _ in range(TICKS // 2)][-1]
    hand_over.begin()
    assert abs(float(hand_over.step(at(0.0), 1)[0, 0]) - before) <= 1.0 / TICKS


def test_what_is_not_finite_passes_and_the_way_goes_on() -> None:
    hand_over = HandOver(1, PERIOD_S)
    hand_over.step(at(0.0), 1)
    hand_over.begin()
    hand_over.step(at(1.0), 1)
    assert np.isnan(hand_over.step(at(np.nan), 1)).all()
    assert hand_over.step(at(1.0), 1)[0, 0] == pytest.approx(1.0 / TICKS + (1 - 1.0 / TICKS) / (TICKS - 2), abs=1e-4)


def test_who_comes_after_a_failing_player_begins_where_it_is_put() -> None:
    hand_over = HandOver(1, PERIOD_S)
    hand_over.step(at(np.nan), 1)
    hand_over.begin()
    assert hand_over.step(at(0.7), 1) == pytest.approx(at(0.7))


@given(
    start=st.floats(0, 1, width=32),
    goals=st.lists(st.tuples(st.floats(0, 1, width=32), st.integers(1, 30)), min_size=1, max_size=40),
    cut=st.integers(0, 40),
)
def test_it_stays_between_where_it_was_and_where_it_goes_and_goes_on_from_its_state(
    start: float, goals: list[tuple[float, int]], cut: int
) -> None:
    hand_over, last = HandOver(1, PERIOD_S), np.float32(start)
    hand_over.step(at(start), 1)
    hand_over.begin()
    for i, (goal, dk) in enumerate(goals):
        if i == cut:
            state, hand_over = through_json(hand_over.state()), HandOver(1, PERIOD_S)
            hand_over.load_state(state)
        now = hand_over.step(at(goal), dk)[0, 0]
        assert min(last, goal) - 1e-6 <= now <= max(last, goal) + 1e-6
        last = now
