"""An engine's state survives the way through shared memory bit for bit."""

from __future__ import annotations

from collections import Counter, deque
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from choreo_service.clock import MS
from choreo_service.core import Core
from choreo_service.session.state import dump_state
from choreo_service.standby.packing import pack, unpack

PERIOD = 20 * MS

plain = st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False) | st.text()
nested = st.recursive(plain, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)


@given(nested)
def test_what_json_knows_comes_back_equal(value: Any) -> None:
    assert unpack(pack(value)) == value


def test_a_played_core_goes_on_as_if_it_had_never_been_away() -> None:
    core, other = (Core(performers=2, period_ns=PERIOD, home_bpm=110.0) for _ in range(2))
    for k in range(1, 200):
        core.step(k, 1, k * PERIOD, ())
    other.load_state(unpack(pack(core.state())))
    assert dump_state(other.state()) == dump_state(core.state())
    ahead, behind = (c.step(203, 4, 203 * PERIOD, ()) for c in (core, other))
    assert ahead.controls.tobytes() == behind.controls.tobytes()


def test_arrays_keep_type_and_shape_and_can_be_written() -> None:
    found = unpack(pack({"a": np.array([[True, False]]), "b": np.float32(0.1), "c": (1, 2)}))
    assert (found["a"].dtype, found["a"].shape) == (np.dtype(bool), (1, 2))
    found["a"][0, 0] = False
    assert (found["b"], found["c"]) == (float(np.float32(0.1)), [1, 2])


@pytest.mark.parametrize("value", [{1}, object(), np.array([object()])])
def test_what_is_no_state_is_refused(value: object) -> None:
    with pytest.raises(TypeError, match="state of type"):
        pack({"a": value})


def test_other_mappings_and_sequences_come_back_as_plain_ones() -> None:
    assert unpack(pack({"a": Counter("aab"), "b": deque([1, 2])})) == {"a": {"a": 2, "b": 1}, "b": [1, 2]}
