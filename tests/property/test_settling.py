"""When nobody is heard: to neutral in four seconds, there for ever, back in one, and never a jump on the way."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from choreo_service.packets import CONTROLS, Frame, ModalityState
from choreo_service.presence import UNHEARD_AFTER_S, unheard
from choreo_service.settling import BACK_S, TO_NEUTRAL_S, Settling

PERIOD_S = 0.02
NEUTRAL = np.array([[c.neutral for c in CONTROLS.values()]], np.float32)
RATE_STEP = np.array([c.rate_per_s for c in CONTROLS.values()]) * PERIOD_S
LOUD = np.ones((1, 5), np.float32)
GONE, HERE = np.array([True]), np.array([False])

positions = hnp.arrays(np.float32, (2, 5), elements=st.floats(0.0, 1.0, width=32))
runs = st.lists(st.tuples(positions, st.booleans(), st.booleans(), st.integers(1, 50)), min_size=1, max_size=30)


def frame(age_s: tuple[float, float, float, float]) -> Frame:
    zeros = np.zeros((1, 6), np.float32)
    state = np.full((1, 4), ModalityState.MISSING, np.uint8)
    return Frame(1, 1, 1, zeros, zeros[:, :2], zeros[:, :2], zeros[:, :1], state, np.array([age_s], dtype=np.float32))


@pytest.mark.parametrize(
    ("age_s", "expected"),
    [
        ((3.2, 11.0, 7.0, 603.0), False),
        ((3.4, 11.1, 7.1, 603.1), True),
        ((3.4, 11.1, 0.0, 603.1), False),  # somebody still sends beats
        ((3.4, 11.1, 7.1, 60.0), False),  # somebody moved a fader a minute ago
        ((np.inf,) * 4, True),
    ],
)
def test_nobody_is_heard_when_every_modality_has_been_missing_for_three_seconds(
    age_s: tuple[float, float, float, float], expected: bool
) -> None:
    assert UNHEARD_AFTER_S == 3.0
    assert unheard(frame(age_s)).tolist() == [expected]


def test_it_takes_four_seconds_to_neutral_and_one_back_in_a_straight_line() -> None:
    settling = Settling(1, PERIOD_S)
    down = [settling.step(LOUD, GONE, 1)[0] for _ in range(round(TO_NEUTRAL_S / PERIOD_S))]
    up = [settling.step(LOUD, HERE, 1)[0] for _ in range(round(BACK_S / PERIOD_S))]
    np.testing.assert_allclose(down[99], (LOUD[0] + NEUTRAL[0]) / 2, atol=1e-5)
    np.testing.assert_allclose(down[-1], NEUTRAL[0], atol=1e-5)
    np.testing.assert_allclose(up[24], (LOUD[0] + NEUTRAL[0]) / 2, atol=1e-5)
    np.testing.assert_allclose(up[-1], LOUD[0], atol=1e-5)
    path = np.vstack([LOUD, *down, *up])
    assert (np.abs(np.diff(path, axis=0)) <= RATE_STEP).all()


def test_whoever_is_heard_is_let_through_untouched() -> None:
    settling, values = Settling(2, PERIOD_S), np.random.default_rng(0).random((2, 5), dtype=np.float32)
    assert settling.step(values, np.array([False, False]), 1) is values
    mixed = settling.step(values, np.array([True, False]), 10)
    assert mixed[1].tobytes() == values[1].tobytes()
    assert mixed[0].tobytes() != values[0].tobytes()


@given(runs)
def test_it_never_leaves_the_range_between_the_mapper_and_neutral(run: list) -> None:  # type: ignore[type-arg]
    settling = Settling(2, PERIOD_S)
    for values, first, second, dk in run:
        out = settling.step(values, np.array([first, second]), dk)
        assert (out >= np.minimum(values, NEUTRAL) - 1e-6).all()
        assert (out <= np.maximum(values, NEUTRAL) + 1e-6).all()


def test_what_is_not_finite_is_left_for_the_guards() -> None:
    broken = np.array([[np.nan, 0.0, 1.0, np.inf, 0.5]], np.float32)
    out = Settling(1, PERIOD_S).step(broken, GONE, 5)
    assert np.isfinite(out).tolist() == np.isfinite(broken).tolist()


@given(runs, runs)
def test_a_saved_state_goes_on_with_the_same_bytes(before: list, after: list) -> None:  # type: ignore[type-arg]
    first, second = Settling(2, PERIOD_S), Settling(2, PERIOD_S)
    for values, one, other, dk in before:
        first.step(values, np.array([one, other]), dk)
    second.load_state(first.state())
    for values, one, other, dk in after:
        a, b = (s.step(values, np.array([one, other]), dk) for s in (first, second))
        assert a.tobytes() == b.tobytes()
