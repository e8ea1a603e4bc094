"""hr_slope against the slope of hearts that are known: the figures the estimators were chosen by."""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from simulated_heart import Array, Heart, agreement, at, best_agreement, dancing, traced

from choreo_pipelines.generator.session import synthesize
from choreo_pipelines.generator.settings import HZ, Settings
from choreo_service.clock import NS
from choreo_service.features import HeartFeatures
from choreo_service.features.heart_kalman import RateKalman
from choreo_service.features.heart_slope import DEAD_BAND, CalmSlope
from choreo_service.features.trend import Trend

TAUS_S = (3.0, 15.0, 30.0)


@cache
def heart(tau_s: float) -> Heart:
    return dancing(tau_s, seed=0, minutes=4.0)


def held(points: list[tuple[int, float]], like: Heart) -> Array:
    """Estimates (ns, bpm/s) held until the next, at 50 Hz."""
    times, values = zip(*points, strict=True)
    last = np.searchsorted(times, np.arange(len(like.bpm) - 200) * NS // HZ, side="right") - 1
    return np.where(last < 0, 0.0, np.array(values)[last])


def by_kalman(source: Heart) -> Array:
    """The filter on every interval, without dead-band and average."""
    kalman, points = RateKalman(), []
    for (t_ns, _, _), rr in zip(source.each_beat(), source.intervals, strict=True):
        kalman.step(float(rr), float(rr), float(rr))
        points.append((t_ns, kalman.slope))
    return held(points, source)


def by_line(source: Heart) -> Array:
    """The line through 5 s of whole bpm."""
    trend, points = Trend(), []
    for t_ns, _, (bpm,) in source.integers():
        trend.add(t_ns, bpm)
        points.append((t_ns, trend.slope))
    return held(points, source)


def by_difference(source: Heart) -> Array:
    """What a naive program does: this second's whole bpm less the last."""
    return held([(b[0], b[2][0] - a[2][0]) for a, b in pairwise(source.integers())], source)


@pytest.mark.parametrize("tau_s", TAUS_S)
def test_the_filter_on_intervals_beats_the_line_on_whole_bpm_in_time(tau_s: float) -> None:
    truth = heart(tau_s).slope
    kalman, line = by_kalman(heart(tau_s)), by_line(heart(tau_s))
    assert agreement(kalman, truth) > agreement(line, truth)
    (kalman_best, kalman_lag), (line_best, line_lag) = best_agreement(kalman, truth), best_agreement(line, truth)
    assert kalman_best > 0.75
    assert line_best > 0.85
    assert 2.5 < kalman_lag < 4.2
    assert kalman_lag < line_lag - 0.5


@pytest.mark.parametrize("tau_s", TAUS_S[1:])
def test_a_difference_of_whole_bpm_is_mostly_noise(tau_s: float) -> None:
    naive = best_agreement(by_difference(heart(tau_s)), heart(tau_s).slope)[0]
    assert naive < min(best_agreement(by(heart(tau_s)), heart(tau_s).slope)[0] for by in (by_kalman, by_line)) - 0.15


@pytest.mark.parametrize("tau_s", TAUS_S)
@pytest.mark.parametrize("packets", ["each_beat", "once_a_second", "integers"])
def test_the_column_follows_the_true_slope(tau_s: float, packets: str) -> None:
    source = heart(tau_s)
    column = traced(getattr(source, packets)(), len(source.bpm) - 200)[:, 1]
    best, lag = best_agreement(column, source.slope)
    assert best > (0.8 if tau_s == 3.0 else 0.85)
    assert lag < 6.5


@pytest.mark.parametrize("tau_s", TAUS_S)
def test_the_rate_from_intervals_is_nearer_the_truth_than_from_whole_bpm(tau_s: float) -> None:
    source = heart(tau_s)
    ticks = slice(500, len(source.bpm) - 200)
    beats, whole = (
        traced(packets, ticks.stop)[ticks, 0] - source.bpm[ticks] for packets in (source.each_beat(), source.integers())
    )
    assert np.sqrt(np.mean(beats**2)) < 0.85 * np.sqrt(np.mean(whole**2))


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_strap_without_intervals_gives_the_generators_slope(seed: int) -> None:
    ble = synthesize(Settings(hr_mode="ble"), seed, 0).features.astype(float)
    rates = [(at(i / HZ), "heart_rate", (ble[i, 6],)) for i in range(0, len(ble), HZ)]
    assert agreement(traced(rates, len(ble))[:, 1], ble[:, 7], lag_s=1.0) > 0.97


def test_a_heart_seen_by_beats_goes_on_where_only_the_average_is_left() -> None:
    features, t = HeartFeatures(), 0.0
    while t < 30.0:  # 1 bpm/s, both streams
        rr = 60.0 / (70.0 + t)
        t += rr
        features.update("rr_interval", at(t), (rr,))
        if int(t) > int(t - rr):
            features.update("heart_rate", at(t), (round(70.0 + t),))
    slopes = []
    for second in range(31, 50):
        features.update("heart_rate", at(second), (70.0 + second,))
        slopes.append(float(features.read(at(second))[1]))
    assert max(abs(slope - 1.0) for slope in slopes) < 0.1


@pytest.mark.parametrize("wrong", [[140.0], [120.0] * 10, [30.0, 70.0, 150.0]], ids=["one", "for good", "erratic"])
def test_a_rate_that_leaps_is_no_slope(wrong: list[float]) -> None:
    features = HeartFeatures()
    for second, bpm in enumerate([70.0] * 10 + wrong + wrong[-1:] * 3 + [70.0] * 10):
        features.update("heart_rate", at(second), (bpm,))
        assert abs(features.read(at(second))[1]) < 0.1


def test_slopes_inside_the_dead_band_are_none() -> None:
    calm = CalmSlope()
    for i in range(100):
        calm.step(0.99 * DEAD_BAND * (-1) ** (i // 10), 1.0)
    assert calm.slope == 0.0
    calm.step(1.01 * DEAD_BAND, 1.0)
    assert calm.slope > 0.0


def test_the_average_has_a_time_constant_of_two_seconds_at_any_packet_rate() -> None:
    found = []
    for packets in (4, 16, 64):
        calm = CalmSlope()
        for _ in range(packets):
            calm.step(1.0, 2.0 / packets)
        found.append(calm.slope)
    np.testing.assert_allclose(found, 1.0 - np.exp(-1.0), rtol=1e-9)


def test_the_slope_goes_on_after_a_silence_from_where_it_had_decayed_to() -> None:
    features = HeartFeatures()
    for second in range(30):
        features.update("heart_rate", at(second), (80.0 + second,))
    before = float(features.read(at(59.0))[1])
    features.update("heart_rate", at(59.0), (90.0,))
    assert 0.0 <= float(features.read(at(59.0))[1]) <= before
    assert before < 0.1


def test_one_wrong_rate_does_not_break_a_rising_line() -> None:
    features = HeartFeatures()
    for second in range(25):
        features.update("heart_rate", at(second), (180.0 if second == 20 else 80.0 + second,))
    assert features.read(at(24))[1] == pytest.approx(1.0, abs=0.05)
