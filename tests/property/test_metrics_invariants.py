"""What must not change a metric doesn't, on any take."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from metrics_takes import HZ, take

from choreo_pipelines.metrics import (
    beat_position,
    concordance,
    control_usage,
    drift_stability,
    energy_correlation,
    on_grid,
    phase_coherence,
)
from choreo_pipelines.metrics.controls import delayed, smoothed_noise

OWN = take(minutes=1.5)
BASE_PHASE = phase_coherence(OWN.density, OWN.position, HZ)
BASE_ENERGY = energy_correlation(OWN.motion_energy, OWN.density, OWN.position, HZ)

columns = hnp.arrays(np.float64, 50, elements=st.integers(-100, 100).map(lambda v: v / 10))
gains, offsets = st.floats(0.1, 50), st.floats(-100, 100)


@given(st.integers(-1000, 1000))
@settings(max_examples=30)
def test_whole_beats_more_leave_coherence(beats: int) -> None:
    got = phase_coherence(OWN.density, OWN.position + beats, HZ)
    assert got.c0 == pytest.approx(BASE_PHASE.c0, abs=1e-9)
    assert got.mean_ms == pytest.approx(BASE_PHASE.mean_ms, abs=1e-6)


@given(gains, offsets)
@settings(max_examples=30)
def test_a_louder_density_peaks_at_the_same_places(gain: float, offset: float) -> None:
    got = phase_coherence(gain * OWN.density + offset, OWN.position, HZ)
    assert abs(got.n_peaks - BASE_PHASE.n_peaks) <= 1  # a prominence on the limit may fall to either side
    assert got.c0 == pytest.approx(BASE_PHASE.c0, abs=0.01)


@given(st.floats(-0.5, 0.5))
@settings(max_examples=30)
def test_shifting_the_beat_turns_the_phase_and_keeps_the_length(shift: float) -> None:
    got = phase_coherence(OWN.density, OWN.position - shift, HZ)
    turn = np.exp(2j * np.pi * (BASE_PHASE.mean_ms / 1e3 * BASE_PHASE.bpm / 60 - shift))
    assert got.r1 == pytest.approx(BASE_PHASE.r1, abs=1e-9)
    assert got.c0 == pytest.approx(BASE_PHASE.r1 * turn.real, abs=1e-6)


@given(gains, offsets, gains, offsets)
@settings(max_examples=30)
def test_correlation_ignores_units(a: float, b: float, c: float, d: float) -> None:
    got = energy_correlation(a * OWN.motion_energy + b, c * OWN.density + d, OWN.position, HZ)
    assert got.r == pytest.approx(BASE_ENERGY.r, abs=1e-6)
    assert got.bar_r == pytest.approx(BASE_ENERGY.bar_r, abs=1e-6)
    assert got.null95 == pytest.approx(BASE_ENERGY.null95, abs=1e-6)
    assert got.lag_ms == BASE_ENERGY.lag_ms


@given(st.integers(0, 5), st.floats(0, 0.3))
@settings(max_examples=30)
def test_correlations_stay_within_one(seed: int, delay_s: float) -> None:
    noise = delayed(smoothed_noise(len(OWN.density), HZ, seed), HZ, delay_s)
    got = energy_correlation(OWN.motion_energy, noise, OWN.position, HZ)
    assert -1 <= got.r <= 1
    assert -1 <= got.bar_r <= 1
    assert abs(got.lag_ms) <= 100


@given(columns, columns)
def test_concordance_is_symmetric_and_bounded(a: np.ndarray, b: np.ndarray) -> None:
    assert concordance(a, b) == pytest.approx(concordance(b, a), abs=1e-9)
    assert -1 - 1e-9 <= concordance(a, b) <= 1 + 1e-9


@given(columns, gains, offsets)
def test_concordance_never_exceeds_correlation_and_keeps_common_units(a: np.ndarray, gain: float, shift: float) -> None:
    if np.ptp(a) < 0.1:
        a = a + np.arange(len(a))
    b = np.roll(a, 3)
    assert abs(concordance(a, b + shift)) <= abs(np.corrcoef(a, b)[0, 1]) + 1e-9
    assert concordance(gain * a + shift, gain * b + shift) == pytest.approx(concordance(a, b), abs=1e-5)


@given(columns)
def test_a_series_agrees_with_itself_exactly_when_it_moves(a: np.ndarray) -> None:
    assert concordance(a, a) == pytest.approx(1.0 if np.ptp(a) else 0.0)


@given(st.integers(0, 3), st.integers(0, 200))
@settings(max_examples=30)
def test_where_a_take_is_cut_does_not_move_its_bar_lines(bar: int, cut: int) -> None:
    start = bar * 87 + cut
    whole, part = OWN.position[start:], beat_position(OWN.beat_phase[start:], OWN.beat_idx[start:])
    assert np.abs((whole - part + 2) % 4 - 2).max() < 1e-6


@given(st.lists(st.integers(1, 4), min_size=1, max_size=50))
def test_the_grid_has_one_row_per_slot_and_invents_nothing(steps: list[int]) -> None:
    slots = np.cumsum([0, *steps])
    got = on_grid(slots * 20_000_000, slots.astype(float), HZ)
    assert len(got) == slots[-1] + 1
    assert np.array_equal(got[slots], slots)
    assert np.isin(got, slots).all()


anything = st.floats(allow_nan=True, allow_infinity=True, width=32)


@given(hnp.arrays(np.float64, 120, elements=anything), hnp.arrays(np.float64, 120, elements=anything))
@settings(max_examples=100)
def test_no_column_makes_a_metric_raise(density: np.ndarray, phase: np.ndarray) -> None:
    position = beat_position(phase)
    for values in (density, np.nan_to_num(density) % 1.0):
        for result in (
            phase_coherence(values, position, HZ),
            energy_correlation(density, values, position, HZ),
            drift_stability(values[:, None], 30, HZ, names=("density",), min_span_s=0),
            control_usage(values[:, None], names=("density",)),
        ):
            assert result.verdict.outcome in ("pass", "fail", "not computable")
            result.to_dict()
