"""What the columns of a synthetic session hold, and what they depend on."""

from __future__ import annotations

import numpy as np
import pytest

from choreo_pipelines.generator import Settings, Synthetic, synthesize
from choreo_pipelines.generator.gestures import KINDS
from choreo_pipelines.generator.promises import peaks
from choreo_service.errors import ConfigError
from choreo_service.packets import FEATURE_COLUMNS

HZ = 50


def column(session: Synthetic, name: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return session.features[:, FEATURE_COLUMNS.index(name)].astype(np.float64)


def test_a_strap_changes_the_heart_alone() -> None:
    clean, ble = (synthesize(Settings(hr_mode=mode), 0, 0) for mode in ("clean", "ble"))
    changed = (clean.features != ble.features).any(axis=0)
    assert [n for n, c in zip(FEATURE_COLUMNS, changed, strict=True) if c] == ["hr", "hr_slope"]


def test_a_strap_shows_integers_once_a_second_near_the_true_rate() -> None:
    clean, ble = (synthesize(Settings(hr_mode=mode), 0, 0) for mode in ("clean", "ble"))
    shown = column(ble, "hr").reshape(-1, HZ)
    assert (shown == np.round(shown)).all()
    assert (shown == shown[:, :1]).all()
    error = shown[:, 0] - column(clean, "hr")[::HZ]
    assert np.sqrt(0.7**2 + 1 / 12) == pytest.approx(error.std(), rel=0.25)
    np.testing.assert_allclose(ble.heart_age_s, np.tile(np.arange(HZ) / HZ, len(shown)))


def test_the_straps_slope_is_the_line_through_five_seconds() -> None:
    ble = synthesize(Settings(hr_mode="ble"), 0, 0)
    rate, slope = column(ble, "hr")[::HZ], column(ble, "hr_slope")[::HZ]
    for second in (5, 60, 179):
        assert slope[second] == pytest.approx(np.polyfit(np.arange(6), rate[second - 5 : second + 1], 1)[0], abs=1e-4)
    assert slope[:2].tolist() == [0.0, 0.0]


def test_clean_slope_is_the_derivative() -> None:
    clean = synthesize(Settings(), 0, 0)
    np.testing.assert_allclose(np.diff(column(clean, "hr")) * HZ, column(clean, "hr_slope")[:-1], rtol=0.02, atol=0.02)


def test_beats_run_through_the_bar() -> None:
    session = synthesize(Settings(), 0, 0)
    beats = np.unwrap(column(session, "beat_phase"), period=1.0)
    assert (np.diff(beats) > 0).all()
    bars = np.floor(beats + 1e-6) % 4
    assert (bars == column(session, "beat_idx")).mean() > 0.999
    assert np.polyfit(np.arange(len(beats)) / HZ, beats, 1)[0] * 60 == pytest.approx(session.bpm, rel=0.02)


def test_the_tempo_comes_from_its_range() -> None:
    assert 100 <= synthesize(Settings(bpm=(100.0, 104.0)), 0, 0).bpm <= 104
    assert synthesize(Settings(bpm=(118.0, 118.0)), 0, 0).bpm == 118.0


def test_the_first_beat_of_a_bar_hits_harder() -> None:
    session = synthesize(Settings(minutes=10.0), 0, 0)
    jerk, phase = column(session, "jerk"), column(session, "beat_phase")
    at = peaks(jerk)
    at = at[np.minimum(phase[at], 1 - phase[at]) < 0.15]  # whole beats
    first = np.isin(column(session, "beat_idx")[np.minimum(at + 5, len(jerk) - 1)], [0])
    strength = jerk[at] / session.effort[at]
    assert np.median(strength[first]) / np.median(strength[~first]) == pytest.approx(1.5, abs=0.1)


def test_the_hip_tells_the_bar() -> None:
    """Without the accent of four beats no column does, and audio can't be predicted from the body."""
    session = synthesize(Settings(), 0, 0)
    position = column(session, "beat_phase") + column(session, "beat_idx")
    loud = session.effort > 0.3
    for name, wave in (("hip_sway", np.sin), ("hip_bounce", np.cos)):
        assert np.corrcoef(column(session, name)[loud], wave(np.pi / 2 * position[loud]))[0, 1] > 0.35


def test_sections_never_repeat_their_level() -> None:
    session = synthesize(Settings(), 0, 0)
    context = column(session, "context")
    assert set(np.unique(np.round(context, 3))) <= {0.15, 0.4, 0.65, 0.9}
    lengths = np.diff(np.flatnonzero(np.diff(context)))
    assert lengths.max() / HZ * session.bpm / 60 <= 32.5  # two sections of one level would be one longer section


def test_performers_and_pieces_differ_between_sessions() -> None:
    sessions = [synthesize(Settings(), 0, i) for i in range(5)]
    for name in ("size", "resting_bpm", "gain_bpm", "late_beats", "jitter_beats"):
        assert len({getattr(s.performer, name) for s in sessions}) == 5
    assert len({s.performer.id for s in sessions}) == 5
    assert len({s.bpm for s in sessions}) == 5


def test_gestures_are_labelled_where_they_show() -> None:
    plain, danced = (synthesize(Settings(minutes=10.0, gestures=g), 0, 0) for g in (False, True))
    assert {g.name for g in danced.gestures} == set(KINDS)
    touched = (plain.features[:, :6] != danced.features[:, :6]).any(axis=1)
    labelled = np.zeros(len(touched), bool)
    for gesture in danced.gestures:
        rows = slice(round(gesture.start_s * HZ), round(gesture.end_s * HZ))
        labelled[rows] = True
        assert touched[rows].any() == (KINDS[gesture.name].draw is not None)
    assert not (touched & ~labelled).any()
    np.testing.assert_array_equal(plain.features[:, 6:], danced.features[:, 6:])


def test_each_gesture_leaves_its_own_trace() -> None:
    plain, danced = (synthesize(Settings(minutes=10.0, gestures=g), 0, 0) for g in (False, True))
    rows = {g.name: slice(round(g.start_s * HZ), round(g.end_s * HZ)) for g in danced.gestures}

    def of(session: Synthetic, gesture: str, name: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        return column(session, name)[rows[gesture]]

    assert of(danced, "stomp", "jerk").max() > 300
    assert (of(danced, "jump", "hip_bounce") < -9).sum() >= 0.26 * HZ
    assert of(danced, "freeze", "motion_energy")[15:].max() < 0.1 * plain.features[:, 0].max()
    assert np.ptp(of(danced, "freeze", "motion_freq")) == 0
    assert np.diff(np.sign(of(danced, "wave", "hip_sway"))).astype(bool).sum() >= 5
    assert len(peaks(of(danced, "pulse", "jerk"), apart_s=0.08)) >= 3


def test_gestures_are_apart_and_as_rare_as_on_stage() -> None:
    session = synthesize(Settings(minutes=30.0, gestures=True), 0, 0)
    starts = np.array([g.start_s for g in session.gestures])
    ends = np.array([g.end_s for g in session.gestures])
    assert (starts[1:] - ends[:-1] >= 3.0 - 1 / HZ).all()
    assert 2.0 < len(starts) / 30.0 < 4.0
    assert session.meta()["gestures_without_trace"] == ["spin"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"minutes": 0.1},
        {"minutes": float("nan")},
        {"bpm": (132.0, 92.0)},
        {"bpm": (10.0, 92.0)},
        {"tau_s": 0.0},
        {"dead_time_s": -1.0},
        {"hr_mode": "belt"},
    ],
)
def test_settings_that_cannot_be_danced_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError) as caught:
        Settings(**wrong)  # type: ignore[arg-type]
    assert caught.value.fix
