"""What holds for every seed and every allowed setting."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from choreo_pipelines.generator import BOUNDS, Settings, synthesize

ALLOWED = st.builds(
    Settings,
    minutes=st.floats(0.5, 0.8),
    bpm=st.tuples(st.floats(40, 120), st.floats(120, 200)),
    hr_mode=st.sampled_from(["clean", "ble"]),
    tau_s=st.floats(0.5, 120),
    dead_time_s=st.floats(0, 20),
    gestures=st.booleans(),
)
SEEDS = st.integers(0, 2**64)


@settings(max_examples=40, deadline=None)
@given(ALLOWED, SEEDS, st.integers(0, 1000))
def test_columns_are_finite_in_bounds_and_context_varies(chosen: Settings, seed: int, index: int) -> None:
    features = synthesize(chosen, seed, index).features
    assert features.shape == (chosen.frames, 11)
    lo, hi = np.array(list(BOUNDS.values())).T
    assert ((features >= lo) & (features <= hi)).all()  # false for NaN
    assert features[:, 8].max() < 1
    assert features[:, 10].std() > 0


@settings(max_examples=10, deadline=None)
@given(ALLOWED, SEEDS)
def test_a_session_depends_on_its_seed_and_index_alone(chosen: Settings, seed: int) -> None:
    first, second = (synthesize(chosen, seed, i).features for i in (0, 1))
    np.testing.assert_array_equal(synthesize(chosen, seed, 1).features, second)
    assert not np.array_equal(first, second)
    assert not np.array_equal(first, synthesize(chosen, seed + 1, 0).features)
