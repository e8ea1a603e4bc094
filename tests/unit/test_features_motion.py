"""Known motions give known columns."""

from __future__ import annotations

import math

import numpy as np
import pytest

from choreo_pipelines.feature_bench.imu import GRAVITY, Imu, dance, feed, rest, traced
from choreo_service.features import MotionFeatures

ENERGY, FREQ, JERK, SWAY, BOUNCE, SYMMETRY = range(6)
GYRO = ("rotation_rate", "acceleration")


@pytest.mark.parametrize("rate", [32.0, 50.0, 100.0, 200.0])
@pytest.mark.parametrize("step_hz", [0.8, 1.3, 2.0, 3.0])
def test_movement_frequency_is_within_two_percent(rate: float, step_hz: float) -> None:
    found = traced(dance(rate, 12.0, step_hz), *GYRO, after_s=8.0)[:, FREQ]
    np.testing.assert_allclose(found, step_hz, rtol=0.02)


def test_movement_frequency_follows_a_tempo_step_within_four_seconds() -> None:
    slow, fast = dance(100.0, 8.0, 1.8), dance(100.0, 4.0, 2.1)
    features = feed(joined(slow, fast), *GYRO)
    assert features.read(joined(slow, fast).end_ns)[FREQ] == pytest.approx(2.1, rel=0.03)


def test_alternating_steps_are_no_octave_error() -> None:
    found = traced(dance(50.0, 12.0, 1.8, alternation=0.5), *GYRO, after_s=6.0)[:, FREQ]
    np.testing.assert_allclose(found, 1.8, rtol=0.02)


@pytest.mark.parametrize("streams", [("acceleration",), GYRO])
def test_rest_is_silent_and_keeps_the_frequency(streams: tuple[str, ...]) -> None:
    moving = dance(100.0, 8.0, 1.8, tilt_deg=0.0)
    still = Imu(
        100.0,
        GRAVITY * np.array([[0.0, 0.0, 1.0]]) + rest(100.0, 6.0).linear,
        rest(100.0, 6.0).linear,
        rest(100.0, 6.0).rotation,
    )
    rows = traced(joined(moving, still), *streams)
    assert rows[700:790, ENERGY].mean() > 1.5
    assert rows[-200:, ENERGY].max() < 0.3
    assert np.abs(rows[-200:, [SWAY, BOUNCE]]).max() < 0.15
    np.testing.assert_allclose(rows[-200:, FREQ], 1.8, rtol=0.03)


def test_a_phone_that_never_moved_reports_no_frequency() -> None:
    assert (traced(rest(100.0, 6.0), "acceleration")[:, FREQ] == 0.0).all()


def test_columns_do_not_depend_on_the_sample_rate() -> None:
    means = [
        np.abs(traced(dance(rate, 14.0, 1.8), *GYRO, after_s=6.0)).mean(axis=0) for rate in (32, 50, 100, 200, 400)
    ]
    for mean in means:
        np.testing.assert_allclose(mean, means[2], rtol=0.06)


def test_energy_is_the_rms_of_a_steady_swing() -> None:
    rows = traced(swing(100.0, 1.0, 3.0), "linear_acceleration", after_s=4.0)
    assert math.sqrt((rows[:, ENERGY] ** 2).mean()) == pytest.approx(3.0 / math.sqrt(2.0), rel=0.02)


@pytest.mark.parametrize("rate", [32.0, 50.0, 60.0, 100.0, 200.0, 400.0])
def test_jerk_of_a_sinusoid_has_its_amplitude(rate: float) -> None:
    amplitude, hz = 3.0, 0.5
    rows = traced(swing(rate, hz, amplitude), "linear_acceleration", after_s=4.0)
    assert rows[:, JERK].max() == pytest.approx(2 * math.pi * hz * amplitude, rel=0.025)


def test_own_linear_acceleration_and_the_gyroscope_filter_agree() -> None:
    imu = dance(100.0, 16.0, 1.8)
    own = traced(imu, "linear_acceleration", "acceleration", after_s=6.0)
    filtered = traced(imu, *GYRO, after_s=6.0)
    for column, least in ((ENERGY, 0.99), (JERK, 0.98), (SWAY, 0.95), (BOUNCE, 0.99)):
        assert np.corrcoef(own[:, column], filtered[:, column])[0, 1] > least
    np.testing.assert_allclose(
        filtered.std(axis=0)[[ENERGY, SWAY, BOUNCE]], own.std(axis=0)[[ENERGY, SWAY, BOUNCE]], rtol=0.1
    )


def test_without_a_gyroscope_the_vertical_is_still_true() -> None:
    imu = dance(100.0, 16.0, 1.8)
    own = traced(imu, "linear_acceleration", "acceleration", after_s=6.0)
    alone = traced(imu, "acceleration", after_s=6.0)
    assert np.corrcoef(own[:, BOUNCE], alone[:, BOUNCE])[0, 1] > 0.99
    assert np.corrcoef(own[:, ENERGY], alone[:, ENERGY])[0, 1] > 0.95


def test_tilting_a_phone_is_not_moving_it() -> None:
    tilting = traced(dance(100.0, 14.0, 1.0, size=0.0, tilt_deg=20.0), *GYRO, after_s=6.0)
    straight = traced(dance(100.0, 14.0, 1.0, size=0.0, tilt_deg=0.0), *GYRO, after_s=6.0)
    assert tilting[:, ENERGY].mean() < straight[:, ENERGY].mean() + 0.1
    assert tilting[:, SWAY].std() < 0.1


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_gravity_stream_of_either_sign_gives_upward_bounce(sign: float) -> None:
    imu = dance(100.0, 10.0, 1.8)
    gravity = sign * (imu.acceleration - imu.linear)
    gravity *= GRAVITY / np.linalg.norm(gravity, axis=1, keepdims=True)
    features, expected = MotionFeatures(), feed(imu, "linear_acceleration", "acceleration")
    for i in range(len(gravity)):
        features.update("acceleration", imu.t_ns(i), imu.acceleration[i].tolist())
        features.update("gravity", imu.t_ns(i), gravity[i].tolist())
    now, then = features.read(imu.end_ns), expected.read(imu.end_ns)
    assert now[BOUNCE] == pytest.approx(then[BOUNCE], abs=0.15)
    assert now[ENERGY] == pytest.approx(then[ENERGY], rel=0.1)


def test_a_gravity_stream_of_wandering_length_is_not_believed() -> None:
    imu = dance(100.0, 10.0, 1.8)
    features, plain = MotionFeatures(), feed(imu, *GYRO)
    for i in range(len(imu.acceleration)):
        low_passed = imu.acceleration[max(0, i - 20) : i + 1].mean(axis=0)
        features.update("gravity", imu.t_ns(i), (low_passed * 0.8).tolist())
        features.update("rotation_rate", imu.t_ns(i), imu.rotation[i].tolist())
        features.update("acceleration", imu.t_ns(i), imu.acceleration[i].tolist())
    np.testing.assert_array_equal(features.read(imu.end_ns), plain.read(imu.end_ns))


@pytest.mark.parametrize(("alternation", "lo", "hi"), [(0.0, 0.95, 1.0), (0.25, 0.8, 0.95), (0.5, 0.5, 0.8)])
def test_symmetry_falls_as_steps_alternate(alternation: float, lo: float, hi: float) -> None:
    rows = traced(dance(50.0, 16.0, 1.8, alternation=alternation), *GYRO, after_s=8.0)
    assert lo <= rows[:, SYMMETRY].min()
    assert rows[:, SYMMETRY].max() <= hi


def test_a_device_scale_error_does_not_read_as_motion_at_rest() -> None:
    still = rest(50.0, 20.0, noise=0.02)
    rows = traced(Imu(50.0, still.acceleration * 1.03, still.linear, still.rotation), "acceleration", after_s=15.0)
    assert rows[:, ENERGY].max() < 0.1


def test_a_packet_of_finished_features_takes_over_and_gives_back() -> None:
    imu = dance(100.0, 4.0)
    features = feed(imu, *GYRO)
    features.update("motion_features", imu.end_ns + 1, (1.0, 2.0, 3.0, -4.0, 5.0, 7.0))
    np.testing.assert_array_equal(features.read(imu.end_ns + 1), np.float32([1.0, 2.0, 3.0, -4.0, 5.0, 1.0]))
    features.update("acceleration", imu.end_ns + 2, (0.0, 0.0, GRAVITY))
    assert features.read(imu.end_ns + 2)[JERK] != 3.0


def test_an_unknown_stream_is_an_error() -> None:
    with pytest.raises(KeyError, match="heart_rate"):
        MotionFeatures().update("heart_rate", 0, (60.0,))


def joined(first: Imu, second: Imu) -> Imu:
    """One after the other, without a gap."""
    return Imu(
        first.rate,
        np.concatenate((first.acceleration, second.acceleration)),
        np.concatenate((first.linear, second.linear)),
        np.concatenate((first.rotation, second.rotation)),
    )


def swing(rate: float, hz: float, amplitude: float) -> Imu:
    """A noiseless sinusoid along one axis of a level phone."""
    t = np.arange(round(rate * 8.0)) / rate
    linear = np.zeros((t.size, 3))
    linear[:, 2] = amplitude * np.sin(2 * np.pi * hz * t)
    return Imu(rate, linear + np.array((0.0, 0.0, GRAVITY)), linear, np.zeros_like(linear))
