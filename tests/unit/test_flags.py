"""The questions about small arrays answer what numpy's reductions answer."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from choreo_service.flags import all_finite, all_true, any_true

MIXED = np.array([[True, False], [False, True]])


@pytest.mark.parametrize("flags", [MIXED, MIXED[:, :1], MIXED.T[::2], np.ones((2, 4), bool), np.zeros((1, 4), bool)])
def test_any_and_all_are_those_of_numpy(flags: NDArray[np.bool_]) -> None:
    assert (any_true(flags), all_true(flags)) == (bool(flags.any()), bool(flags.all()))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_one_bad_number_is_found(bad: float) -> None:
    numbers = np.zeros((3, 5), np.float32)
    assert all_finite(numbers)
    numbers[2, 4] = bad
    assert not all_finite(numbers)
