"""Whatever a strap sends, the heart's columns are finite and bounded, saved anywhere they go on, and they recover."""

from __future__ import annotations

import json
import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from simulated_heart import at

from choreo_service.features import HeartFeatures

ODD = st.sampled_from((0.0, -1.0, 24.9, 241.0, 255.0, 1e30, math.nan, math.inf, -math.inf))
BPM = st.tuples(st.just("heart_rate"), st.tuples(st.floats(25.0, 240.0)))
RR = st.tuples(st.just("rr_interval"), st.tuples(st.floats(0.25, 2.4)))
GIVEN = st.tuples(st.just("heart_features"), st.tuples(st.floats(25.0, 240.0), st.floats(-60.0, 60.0)))
WRONG = st.one_of(
    st.tuples(st.sampled_from(("heart_rate", "rr_interval")), st.tuples(ODD)),
    st.tuples(st.just("heart_features"), st.tuples(ODD, st.floats(-1.0, 1.0))),
    st.tuples(st.sampled_from(("heart_rate", "rr_interval")), st.sampled_from(((), (60.0, 60.0)))),
)
SHIFTS = st.integers(0, 1500) | st.sampled_from((0, 0, -200, 30_000, 10**7, -(10**7)))  # ms
Sequence = list[tuple[int, tuple[str, tuple[float, ...]]]]
SEQUENCES = st.lists(st.tuples(SHIFTS, st.one_of(BPM, RR, RR, GIVEN, WRONG)), max_size=80)


def fed(features: HeartFeatures, sequence: Sequence, t_ms: int = 0) -> int:
    for shift, (stream, values) in sequence:
        t_ms += shift
        features.update(stream, t_ms * 1_000_000, values)
    return t_ms


@settings(max_examples=80, deadline=None)
@given(SEQUENCES, st.integers(-5000, 60_000))
def test_any_strap_gives_finite_bounded_columns_and_variability(sequence: Sequence, later_ms: int) -> None:
    features = HeartFeatures()
    t_ms = fed(features, sequence)
    rate, slope = features.read((t_ms + later_ms) * 1_000_000)
    assert rate == 0.0 or 25.0 <= rate <= 240.0
    assert -20.0 <= slope <= 20.0
    assert math.isnan(features.variability_ms) or 0.0 <= features.variability_ms <= 2150.0


@settings(max_examples=60, deadline=None)
@given(SEQUENCES, st.data())
def test_saved_anywhere_it_goes_on_bit_for_bit(sequence: Sequence, data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(sequence)))
    whole, first, second = HeartFeatures(), HeartFeatures(), HeartFeatures()
    fed(whole, sequence)
    t_ms = fed(first, sequence[:cut])
    second.load_state(json.loads(json.dumps(first.state(), default=np.ndarray.tolist)))
    end_ms = fed(second, sequence[cut:], t_ms)
    np.testing.assert_equal(second.state(), whole.state())
    assert second.read(end_ms * 1_000_000) == whole.read(end_ms * 1_000_000)


@settings(max_examples=60, deadline=None)
@given(SEQUENCES, WRONG)
def test_an_implausible_packet_leaves_no_trace(sequence: Sequence, wrong: tuple[str, tuple[float, ...]]) -> None:
    features = HeartFeatures()
    t_ms = fed(features, sequence)
    before = features.state()
    fed(features, [(300, wrong)], t_ms)
    np.testing.assert_equal(features.state(), before)


@settings(max_examples=60, deadline=None)
@given(SEQUENCES, st.floats(50.0, 190.0), st.booleans())
def test_after_any_past_a_steady_heart_is_shown_within_ten_seconds(sequence: Sequence, bpm: float, beats: bool) -> None:
    features = HeartFeatures()
    t_ns = fed(features, sequence) * 1_000_000
    step_s, stream, value = (60.0 / bpm, "rr_interval", 60.0 / bpm) if beats else (1.0, "heart_rate", bpm)
    for _ in range(math.ceil(12.0 / step_s)):
        t_ns += at(step_s)
        features.update(stream, t_ns, (value,))
    rate, slope = features.read(t_ns)
    assert abs(rate - bpm) < 3.0
    assert abs(slope) < 1.0
