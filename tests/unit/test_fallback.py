"""The rules play: each control follows its feature, rests when its sensor is gone, adapts to the performer."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from choreo_service.bodies import Body, Range, Soundcheck
from choreo_service.fallback import RULES, RuleMapper
from choreo_service.packets import CONTROL_NAMES, CONTROLS, FEATURE_COLUMNS, Frame, states_of

NEUTRAL = [CONTROLS[n].neutral for n in CONTROL_NAMES]
MEANS = {r.feature: r.mean for r in RULES}


def frame(k: int = 1, dk: int = 1, *, motion: bool = True, heart: bool = True, **features: float) -> Frame:
    values = {c: MEANS.get(c, 0.5) for c in FEATURE_COLUMNS} | features
    row = np.array([[values[c] for c in FEATURE_COLUMNS]], dtype=np.float32)
    present = np.array([[motion, heart, True, True]])
    parts = row[:, :6], row[:, 6:8], row[:, 8:10], row[:, 10:]
    return Frame(k, dk, k, *parts, states_of(present), np.zeros((1, 4), np.float32))


def means(mapper: RuleMapper) -> list[float]:
    followers = mapper.state()["followers"][0]
    return [f["mean"] for f, rule in zip(followers, RULES, strict=True) if rule.modality == "motion"]


def settle(mapper: RuleMapper, ticks: int = 300, **kwargs: float) -> dict[str, float]:
    for k in range(ticks):
        out = mapper.step(frame(k, **kwargs))  # type: ignore[arg-type]
    return dict(zip(CONTROL_NAMES, out[0].tolist(), strict=True))


@pytest.mark.parametrize("rule", RULES, ids=lambda r: r.control)
def test_a_control_rises_and_falls_with_its_feature_alone(rule) -> None:  # type: ignore[no-untyped-def]
    middle = settle(RuleMapper(1, 0.02), ticks=100)
    high = settle(RuleMapper(1, 0.02), ticks=100, **{rule.feature: rule.mean + 1.5 * rule.sd})
    low = settle(RuleMapper(1, 0.02), ticks=100, **{rule.feature: rule.mean - 1.5 * rule.sd})
    assert high[rule.control] > middle[rule.control] + 0.1
    assert low[rule.control] < middle[rule.control] - 0.1
    others = [r for r in RULES if r is not rule]
    assert [high[r.control] for r in others] == pytest.approx([middle[r.control] for r in others], abs=1e-6)


def test_without_sensors_the_controls_rest_at_neutral_and_return() -> None:
    mapper = RuleMapper(1, 0.02)
    assert mapper.step(frame(motion=False, heart=False)).tolist()[0] == pytest.approx(NEUTRAL)
    loud = settle(mapper, motion_energy=6.0)
    gone = settle(mapper, motion=False, heart=False, motion_energy=6.0)
    back = settle(mapper, ticks=150, motion_energy=8.0)
    assert loud["density"] > 0.7
    assert list(gone.values()) == pytest.approx(NEUTRAL, abs=0.01)
    assert back["density"] > 0.6


@pytest.mark.parametrize("gone", [1, 20, 200])
def test_a_sensor_that_is_lost_and_back_moves_no_control_by_more_than_a_rate_limit_step(gone: int) -> None:
    mapper = RuleMapper(1, 0.02)
    wild = {"motion_energy": 6.0, "jerk": 200.0, "motion_freq": 3.0, "symmetry": 0.2, "hr_slope": 2.0}
    calm = {"motion_energy": 0.3, "jerk": 1.0, "motion_freq": 0.6, "symmetry": 1.0, "hr_slope": -2.0}
    seen = [frame(**wild)] * 300 + [frame(motion=False, heart=False, **wild)] * gone + [frame(**calm)] * 150
    path = [mapper.step(one)[0] for one in seen]
    moves = np.abs(np.diff(path[299:], axis=0)) / [0.02 * CONTROLS[r.control].rate_per_s for r in RULES]
    assert moves[0].max() <= 1.0
    assert moves[gone].max() <= 1.0
    assert moves[:, CONTROL_NAMES.index("fx_send")].max() <= 1.0  # whose feature is not smoothed
    assert {f["fading_s"] for f in mapper.state()["followers"][0]} == {0.0}


def test_a_seated_wrist_comes_to_use_the_range_too() -> None:
    mapper = RuleMapper(1, 0.02)
    rng = np.random.default_rng(0)
    energy = 0.6 + 0.3 * np.sin(np.arange(20_000) / 200) + rng.normal(0, 0.02, 20_000)
    out = [mapper.step(frame(k, motion_energy=e))[0, 1] for k, e in enumerate(energy)]
    last = np.array(out[-5000:])
    assert np.ptp(np.percentile(last, [5, 95])) > 0.3


def test_standing_still_teaches_nothing() -> None:
    mapper = RuleMapper(1, 0.02)
    before = means(mapper)
    settle(mapper, ticks=1000, motion_energy=0.01)
    assert means(mapper) == before
    settle(mapper, ticks=10, motion_energy=5.0)
    assert means(mapper) != before


@given(
    hnp.arrays(np.float32, (20, 11), elements=st.floats(width=32, allow_nan=False, allow_infinity=False)),
    st.integers(1, 1000),
)
@settings(max_examples=100)
def test_any_finite_features_give_positions(rows: np.ndarray, dk: int) -> None:
    mapper = RuleMapper(1, 0.02)
    for k, row in enumerate(rows):
        out = mapper.step(frame(k, dk, **dict(zip(FEATURE_COLUMNS, row.tolist(), strict=True))))
        assert ((out >= 0) & (out <= 1)).all()
    assert ((mapper.step(frame()) >= 0) & (mapper.step(frame()) <= 1)).all()


def test_state_round_trip() -> None:
    first, second = RuleMapper(1, 0.02), RuleMapper(1, 0.02)
    settle(first, motion_energy=5.0)
    second.load_state(first.state())
    assert first.step(frame(jerk=99.0)).tobytes() == second.step(frame(jerk=99.0)).tobytes()


QUIET = Soundcheck((Body("quiet", 0.1, {"motion_energy": Range(0.4, 0.2)}, frames=2500.0),))


def test_a_calibrated_body_uses_the_range_from_the_first_tick() -> None:
    known, unknown = RuleMapper(1, 0.02, QUIET), RuleMapper(1, 0.02)
    assert settle(known, ticks=100, motion_energy=0.7)["density"] > 0.7
    assert settle(unknown, ticks=100, motion_energy=0.7)["density"] < 0.45


def test_a_soundcheck_that_freezes_learns_no_more() -> None:
    frozen = RuleMapper(1, 0.02, Soundcheck(QUIET.bodies, freezes=True))
    before = means(frozen)[1]
    settle(frozen, ticks=300, motion_energy=5.0)
    assert means(frozen)[1] == before
    follows = RuleMapper(1, 0.02, QUIET)
    settle(follows, ticks=300, motion_energy=5.0)
    assert means(follows)[1] > before


def test_learning_anew_cross_fades_and_arrives_where_a_newcomer_is() -> None:
    mapper, newcomer = RuleMapper(1, 0.02, QUIET), RuleMapper(1, 0.02)
    settle(mapper, ticks=200, motion_energy=0.7)
    settle(newcomer, ticks=1, motion_energy=0.7)
    mapper.recalibrate(0, 4.0)
    density = [float(mapper.step(frame(k, motion_energy=0.7))[0, 1]) for k in range(400)]
    assert abs(density[0] - density[1]) < 0.01
    assert np.abs(np.diff(density)).max() < 0.01  # the whole way is 0.5 in 200 ticks
    assert density[-1] == pytest.approx(settle(newcomer, ticks=400, motion_energy=0.7)["density"], abs=0.02)
