"""Whatever comes in, the normaliser can be undone, and M1's latent is finite, bounded and resumable."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from model_samples import HZ, MEAN, SD, frame, rps_weights, small_rps, through_json

from choreo_models.inference.coherence import LONGEST, Coherence
from choreo_models.inference.grid import MOST_AT_ONCE, Grid
from choreo_models.inference.numpy_kernel import NumpyCoherence
from choreo_models.inference.standardise import LIMIT, FeatureScaler
from choreo_models.normaliser import SD_FLOOR, LatentNormalizer
from choreo_service.packets import FEATURE_COLUMNS, MODALITIES

WEIGHTS = rps_weights(small_rps())
KERNEL = NumpyCoherence(WEIGHTS)
ORDINARY = st.floats(-1e4, 1e4, width=32)
ANYTHING = ORDINARY | st.sampled_from((float("nan"), float("inf"), float("-inf"), 1e20, -1e20, 0.0))
ROWS = arrays(np.float32, (2, len(FEATURE_COLUMNS)), elements=ANYTHING)
PRESENCE = arrays(np.bool_, (2, len(MODALITIES)))
FRAMES = st.lists(st.tuples(ROWS, PRESENCE, st.integers(1, 7)), min_size=1, max_size=25)


def stage() -> Coherence:
    scaler = FeatureScaler(MEAN, SD, performers=2)
    return Coherence(KERNEL, scaler, performers=2, grid=Grid(1.0), hz=HZ)


@settings(max_examples=80, deadline=None)
@given(
    st.lists(arrays(np.float64, (2, 3), elements=st.floats(-1e3, 1e3)), max_size=40),
    arrays(np.float32, (2, 3), elements=st.floats(-1e3, 1e3, width=32)),
    st.floats(0.01, 100.0),
)
def test_to_normalise_and_back_is_the_identity(history: list[np.ndarray], x: np.ndarray, sd: float) -> None:
    normaliser = LatentNormalizer(np.zeros(3), np.full(3, sd), rows=2, settle=20.0)
    for row in history:
        normaliser.update(row)
    back = normaliser.denormalize(normaliser.apply(x))
    np.testing.assert_allclose(back, x, rtol=1e-5, atol=1e-3)  # float32 of a value up to 1000 deviations away
    assert (normaliser.sd >= SD_FLOOR * sd * (1 - 1e-9)).all()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(ROWS, st.integers(1, 5)), max_size=30))
def test_no_history_makes_the_statistics_other_than_finite(history: list[tuple[np.ndarray, int]]) -> None:
    normaliser = LatentNormalizer(MEAN, SD, rows=2)
    for x, weight in history:
        normaliser.update(x, frames=float(weight))
        assert np.isfinite(normaliser.mean).all()
        assert (normaliser.sd > 0).all()
        assert np.isfinite(normaliser.sd).all()


@settings(max_examples=60, deadline=None)
@given(ROWS, PRESENCE)
def test_standardised_features_are_limited_and_missing_ones_zero(x: np.ndarray, present: np.ndarray) -> None:
    usable = present & np.logical_and.reduceat(np.isfinite(x), [0, 6, 8, 10], axis=1)
    z = FeatureScaler(MEAN, SD, performers=2).step(x, usable, 1.0)
    assert (np.abs(z) <= LIMIT).all()
    assert not z[~np.repeat(usable, [6, 2, 2, 1], axis=1)].any()


@settings(max_examples=60, deadline=None)
@given(FRAMES)
def test_any_frames_give_a_finite_latent_with_bounded_reconstructions(
    frames: list[tuple[np.ndarray, np.ndarray, int]],
) -> None:
    m1 = stage()
    for k, (x, present, dk) in enumerate(frames):
        latent = m1.step(frame(k, x, present, dk=dk))
        assert np.isfinite(latent.z).all()
        assert ((latent.coherence >= 0) & (latent.coherence <= 1)).all()
        assert (latent.filled | present).all()  # whoever is absent is filled in
        state = m1.state()
        assert np.isfinite(state["last"]).all()
        assert np.isfinite(state["doubt"]).all()
        assert (state["doubt"] >= 0).all()
        for i, m in enumerate(MODALITIES.values()):
            lengths = np.linalg.norm(latent.z[:, m.latent], axis=1)
            assert (lengths[latent.filled[:, i]] <= LONGEST * (1 + 1e-5)).all()


@settings(max_examples=40, deadline=None)
@given(FRAMES, st.integers(0, 24))
def test_a_stage_goes_on_from_any_moment_with_the_same_bytes(
    frames: list[tuple[np.ndarray, np.ndarray, int]], cut: int
) -> None:
    whole, resumed = stage(), stage()
    for k, (x, present, dk) in enumerate(frames):
        if k == min(cut, len(frames) - 1):
            resumed.load_state(through_json(whole.state()))
        latent = whole.step(frame(k, x, present, dk=dk))
        if k >= min(cut, len(frames) - 1):
            again = resumed.step(frame(k, x, present, dk=dk))
            assert latent.z.tobytes() == again.z.tobytes()
            assert latent.coherence.tobytes() == again.coherence.tobytes()


@settings(max_examples=100, deadline=None)
@given(st.floats(0.05, 5.0), st.lists(st.integers(1, 40), min_size=1, max_size=60))
def test_a_grid_owes_less_than_a_step_and_never_runs_ahead(per_tick: float, gaps: list[int]) -> None:
    grid, slots, most = Grid(per_tick), 0, 0
    for dk in gaps:
        due = grid.due(dk)
        slots += dk
        most += due
        assert 0 <= due <= MOST_AT_ONCE
        assert most <= 1 + slots * per_tick
        assert -per_tick - 1e-6 <= grid.state() < 1.0
