"""Curves start and end where they must; easing follows them and never leaves the range of its targets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from choreo_service.easing import RESPONSE, TRANSFER, Eased, exponential, linear, s_curve

unit = st.floats(0, 1)


@pytest.mark.parametrize("table", [TRANSFER, RESPONSE])
@pytest.mark.parametrize("name", list(TRANSFER))
def test_curves_run_from_zero_to_one_without_turning_back(table: dict, name: str) -> None:
    values = [table[name](i / 100) for i in range(101)]
    assert values[0] == pytest.approx(0)
    assert values[-1] == pytest.approx(1)
    assert values == sorted(values)


def test_known_values_of_the_transfer_curves() -> None:
    assert linear(0.25) == 0.25
    assert s_curve(0.25) == pytest.approx(0.15625)
    assert exponential(0.5) == pytest.approx(0.18242552)


@pytest.mark.parametrize("name", list(TRANSFER))
def test_the_step_response_is_the_response_curve(name: str) -> None:
    eased = Eased(name, duration_s=0.2, period_s=0.02)
    eased.step(0.0)
    answer = [eased.step(1.0) for _ in range(12)]
    assert answer[:10] == pytest.approx([RESPONSE[name]((i + 1) / 10) for i in range(10)])
    assert answer[10:] == pytest.approx([1.0, 1.0])


def test_a_skip_moves_as_far_as_the_slots_it_stands_for() -> None:
    slow, fast = Eased("linear", 0.2, 0.02), Eased("linear", 0.2, 0.02)
    slow.step(0.0), fast.step(0.0)
    for _ in range(3):
        expected = slow.step(1.0)
    assert fast.step(1.0, dk=3) == expected
    assert fast.step(1.0, dk=10**9) == pytest.approx(1.0)


def test_no_duration_means_no_easing() -> None:
    eased = Eased("s-curve", 0.0, 0.02)
    assert [eased.step(x) for x in (0.2, 0.9, 0.1)] == [0.2, 0.9, 0.1]


@given(st.sampled_from(list(TRANSFER)), st.lists(st.tuples(unit, st.integers(1, 5)), min_size=1), st.floats(0, 1))
def test_easing_stays_within_its_targets(name: str, targets: list, duration_s: float) -> None:
    eased = Eased(name, duration_s, 0.02)
    low, high = min(t for t, _ in targets), max(t for t, _ in targets)
    for target, dk in targets:
        assert low - 1e-9 <= eased.step(target, dk) <= high + 1e-9
