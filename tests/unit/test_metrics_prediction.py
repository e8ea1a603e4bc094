"""Prediction error: baselines with known answers, and forecasts that only look good beside a weak one."""

import numpy as np
import pytest
from metrics_takes import HZ, steady_beat, take

from choreo_pipelines.metrics import Outcome, beat_position, index_at, prediction_error
from choreo_pipelines.metrics.controls import smoothed_noise

NAMES = ("density",)
POSITION = beat_position(*steady_beat(120))  # 25 frames per beat exactly
N = len(POSITION)


def column(track: np.ndarray) -> np.ndarray:
    return track[:, None]


def truth(track: np.ndarray, horizon: float) -> np.ndarray:
    """The forecast of somebody who knows the future; the last frames have none."""
    at = index_at(POSITION, POSITION + horizon)
    return np.where(at >= 0, track[at], np.nan)


def test_a_track_that_repeats_every_beat_needs_only_the_last_beat() -> None:
    track = 0.5 + 0.4 * np.cos(2 * np.pi * POSITION)
    half = prediction_error(column(track), POSITION, 0.5, names=NAMES)
    assert half.mae["seasonal beat"] < 1e-6
    assert half.mae["repeat last"] == pytest.approx(0.8 * 2 / np.pi, abs=0.01)  # anti-phase
    assert half.best_naive == "seasonal beat"
    assert half.verdict.outcome is Outcome.NOT_COMPUTABLE
    assert "no forecast" in half.verdict.reason


def test_a_track_that_repeats_every_bar_needs_the_last_bar() -> None:
    track = 0.5 + 0.4 * np.cos(2 * np.pi * POSITION / 4)
    got = prediction_error(column(track), POSITION, 1.0, names=NAMES)
    assert got.mae["seasonal bar"] < 1e-6
    assert got.mae["seasonal beat"] == pytest.approx(0.8 * np.sin(np.pi / 4) * 2 / np.pi, abs=0.01)
    assert got.best_naive == "seasonal bar"


@pytest.mark.parametrize("horizon", [1.0, 2.0, 4.0])
def test_at_whole_beats_the_seasonal_value_is_the_last_one_never_a_later_one(horizon: float) -> None:
    track = smoothed_noise(N, HZ)
    got = prediction_error(column(track), POSITION, horizon, names=NAMES)
    assert got.mae["seasonal beat"] == pytest.approx(got.mae["repeat last"])


def test_beyond_a_beat_the_seasonal_value_is_the_latest_of_its_phase_that_is_known() -> None:
    track = smoothed_noise(N, HZ)
    got = prediction_error(column(track), POSITION, 1.4, names=NAMES)
    frames = np.arange(N // 2, N - 35)  # 25 frames a beat: the target is 35 ahead, its phase was last 15 back
    assert got.mae["seasonal beat"] == pytest.approx(np.abs(track[frames + 35] - track[frames - 15]).mean(), rel=1e-3)


def test_the_horizon_is_counted_in_beats_whatever_the_tempo_does() -> None:
    position = np.cumsum(np.linspace(1.0, 3.0, N) / HZ)  # from 60 to 180 bpm
    track = 0.5 + 0.4 * np.cos(2 * np.pi * position)
    got = prediction_error(column(track), position, 0.5, names=NAMES)
    assert got.mae["seasonal beat"] < 0.05
    assert got.mae["repeat last"] > 0.4


def test_knowing_the_future_passes_and_is_free_of_error() -> None:
    track = take(bpm=120).density
    got = prediction_error(column(track), POSITION, 1.0, column(truth(track, 1.0)), names=NAMES)
    assert got.verdict.passed, got.verdict.reason
    assert got.mae["forecast"] == 0.0
    assert got.gain == 1.0
    assert got.by_control["repeat last"]["density"] == got.mae["repeat last"]


def test_halving_repeat_last_at_half_a_beat_is_no_gain() -> None:
    """There repeat-last is in anti-phase: a forecast at half its error may still lose to the last beat."""
    track = 0.5 + 0.4 * np.cos(2 * np.pi * POSITION)
    forecast = 0.6 * truth(track, 0.5) + 0.4 * track
    got = prediction_error(column(track), POSITION, 0.5, column(forecast), names=NAMES)
    assert got.mae["forecast"] < 0.5 * got.mae["repeat last"]  # the tempting comparison
    assert got.verdict.outcome is Outcome.FAIL
    assert "seasonal beat" in got.verdict.reason


def test_beating_the_naive_ones_but_not_a_ridge_fails() -> None:
    """A noisy but predictable track: the mean is far better than any old value, and linear regression knows it."""
    rng = np.random.default_rng(0)
    track = 0.5 + 0.1 * rng.standard_normal(N) + 0.2 * np.cos(2 * np.pi * POSITION)
    forecast = np.full(N, 0.5) + 0.1 * np.cos(2 * np.pi * (POSITION + 0.5))
    got = prediction_error(column(track), POSITION, 0.5, column(forecast), names=NAMES)
    assert got.gain > 0.05
    assert got.mae["lagged ridge"] < got.mae["forecast"]
    assert "lagged ridge" in got.verdict.reason


@pytest.mark.parametrize("horizon", [0.5, 1.0, 4.0])
def test_repeating_the_last_value_gains_nothing(horizon: float) -> None:
    track = take(bpm=120).density
    got = prediction_error(column(track), POSITION, horizon, column(track), names=NAMES)
    assert got.gain <= 0
    assert not got.verdict.passed


def test_nothing_can_predict_noise() -> None:
    track = smoothed_noise(N, HZ, tau_s=0.02)
    got = prediction_error(column(track), POSITION, 4.0, names=NAMES)
    deviation = np.abs(track - track.mean()).mean()
    assert got.mae["lagged ridge"] == pytest.approx(deviation, rel=0.1)
    assert got.mae["repeat last"] == pytest.approx(deviation * np.sqrt(2), rel=0.1)


def test_the_ridge_learns_from_the_first_half_only() -> None:
    """Noise first, a pure beat after: nothing learned from the noise helps, a glance at the beat would."""
    rng = np.random.default_rng(1)
    beat = 0.5 + 0.4 * np.cos(2 * np.pi * POSITION)
    track = np.where(np.arange(N) < N // 2, 0.5 + 0.1 * rng.standard_normal(N), beat)
    got = prediction_error(column(track), POSITION, 0.5, names=NAMES)
    assert got.mae["seasonal beat"] < 0.01
    assert got.mae["lagged ridge"] == pytest.approx(0.8 / np.pi, abs=0.05)


@pytest.mark.parametrize("cycles", [1, 2, 4])
def test_the_ridge_knows_the_place_in_the_bar(cycles: int) -> None:
    """So noisy that eight old values tell the cycle badly: what is left is the noise itself, and 5 % more without."""
    noise = 0.1 * np.random.default_rng(cycles).standard_normal(N)
    track = 0.5 + noise + 0.1 * np.cos(2 * np.pi * POSITION * cycles / 4)
    got = prediction_error(column(track), POSITION, 0.6, names=NAMES)
    assert got.mae["lagged ridge"] == pytest.approx(np.abs(noise[N // 2 :]).mean(), rel=0.02)


def test_no_target_that_the_ridge_learns_from_lies_in_the_second_half() -> None:
    """Two takes that differ only just behind the middle, and are judged later: a glance over it would show."""
    half, frames = N // 2, np.arange(N)
    one = take(bpm=120).density
    other = np.where((frames >= half) & (frames < half + 100), 1.0 - one, one)
    judged = np.where(frames >= half + 300, one, np.where(frames < half, one, np.nan))
    mine, theirs = (prediction_error(column(t), POSITION, 4.0, column(judged), names=NAMES) for t in (one, other))
    assert mine.frames == theirs.frames > 1000
    assert mine.mae == theirs.mae


def test_a_tenth_below_the_best_naive_forecast_is_not_enough() -> None:
    track = take(bpm=120).density
    forecast = 0.1 * truth(track, 1.0) + 0.9 * track
    got = prediction_error(column(track), POSITION, 1.0, column(forecast), names=NAMES)
    assert got.gain == pytest.approx(0.1, abs=0.01)
    assert "15% are asked" in got.verdict.reason


def test_a_gap_in_the_beat_is_never_bridged() -> None:
    phase, index = steady_beat(120)
    phase = phase.copy()
    phase[6000:6500] = np.nan
    position = beat_position(phase, index)
    at = index_at(position, position + 1.0)
    assert (at[5975:6000] == -1).all()
    assert (at[6000:6500] == -1).all()
    assert at[5900] == 5925
    assert at[6600] == 6625


def test_a_horizon_must_be_positive() -> None:
    with pytest.raises(ValueError, match="more than 0 beats"):
        prediction_error(column(POSITION), POSITION, 0.0, names=NAMES)


@pytest.mark.parametrize("bpm", [97.0, 110.0, 133.3])
@pytest.mark.parametrize("back", [0.0, 0.25, 1.0, 3.0])
def test_no_look_up_of_the_past_returns_the_future(bpm: float, back: float) -> None:
    position = beat_position(*steady_beat(bpm))
    at = index_at(position, position + 1.0 - 1.0 - back)
    assert (at <= np.arange(len(position))).all()
    if not back:
        assert np.array_equal(at, np.arange(len(position)))
