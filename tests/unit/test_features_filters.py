"""The parts of the motion features, each against its closed-form answer."""

from __future__ import annotations

import math

import numpy as np
import pytest

from choreo_pipelines.feature_bench.imu import dance, feed, traced
from choreo_service.features import MotionFeatures
from choreo_service.features.axis import LeadingAxis
from choreo_service.features.bands import BandPass, LowPass
from choreo_service.features.gravity import Split
from choreo_service.features.jerk import end_slope_weights
from choreo_service.features.movement import Movement
from choreo_service.features.tempo import GRID_HZ, ResonatorBank
from choreo_service.features.vectors import turned

MS = 1_000_000
UP = (0.0, 0.0, 1.0)


@pytest.mark.parametrize("dt", [0.001, 0.01, 0.1])
def test_low_pass_of_a_ramp_is_the_exact_solution_at_any_spacing(dt: float) -> None:
    tau, low = 0.06, LowPass(0.06)
    low.step(0.0, dt)
    for i in range(1, round(0.6 / dt) + 1):
        y = low.step(i * dt, dt)
    assert y == pytest.approx(0.6 - tau * (1.0 - math.exp(-0.6 / tau)), rel=1e-9)


@pytest.mark.parametrize(("hz", "gain"), [(0.2, 0.316), (1.549, 0.870), (12.0, 0.316)])
def test_band_pass_has_the_gain_of_two_first_order_filters(hz: float, gain: float) -> None:
    band, rate = BandPass(0.6, 4.0), 400.0
    out = [band.step(math.sin(2 * math.pi * hz * i / rate), 1 / rate) for i in range(8000)]
    assert max(out[4000:]) == pytest.approx(gain, rel=0.02)


def test_end_slope_of_any_parabola_is_exact() -> None:
    for width in (3, 5, 9, 14, 21):
        newest_first = [3.0 - 2.0 * n + 0.5 * n * n for n in range(0, -width, -1)]
        assert np.dot(end_slope_weights(width), newest_first) == pytest.approx(-2.0)


@pytest.mark.parametrize("hz", [0.73, 1.525, 2.4767, 3.311])
def test_frequency_between_two_resonators_is_interpolated(hz: float) -> None:
    bank, found = ResonatorBank(), []
    for i in range(round(20 * GRID_HZ)):
        bank.push(math.sin(2 * math.pi * hz * i / GRID_HZ), 0.0)
        found.append(bank.frequency)
    assert np.mean(found[-200:]) == pytest.approx(hz, abs=0.004)


def test_the_loud_first_moments_do_not_delay_the_lock() -> None:
    found = traced(dance(100.0, 4.0, 1.8), "rotation_rate", "acceleration")[:, 1]
    assert np.abs(found[220:] / 1.8 - 1.0).max() < 0.05


def test_a_quieter_dance_in_another_tempo_is_heard() -> None:
    bank = ResonatorBank()
    for i in range(500):
        bank.push(4.0 * math.sin(2 * math.pi * 1.2 * i / GRID_HZ), 0.0)
    for i in range(250):
        bank.push(0.4 * math.sin(2 * math.pi * 2.3 * i / GRID_HZ), 0.0)
    assert bank.frequency == pytest.approx(2.3, rel=0.02)


def test_sway_alone_has_a_frequency_but_bounce_wins() -> None:
    alone, both = ResonatorBank(), ResonatorBank()
    for i in range(500):
        sway = math.sin(2 * math.pi * 0.9 * i / GRID_HZ)
        alone.push(0.0, sway)
        both.push(math.sin(2 * math.pi * 1.8 * i / GRID_HZ), sway)
    assert alone.frequency == pytest.approx(0.9, rel=0.02)
    assert both.frequency == pytest.approx(1.8, rel=0.02)


def test_leading_axis_keeps_its_sign_while_the_body_turns() -> None:
    axis, before = LeadingAxis(2.0), None
    for i in range(4000):
        angle, swing = i * 2e-3, math.sin(2 * math.pi * i / 100)
        axis.project((swing * math.cos(angle), swing * math.sin(angle), 0.0), 0.01)
        if before is not None and i > 200:
            assert float(np.dot(axis.axis, before)) > 0.99
        before = axis.axis
    assert before is not None
    assert np.linalg.norm(before) == pytest.approx(1.0)


def test_a_fixed_vector_turns_backward_in_a_turning_device() -> None:
    quarter = turned((1.0, 0.0, 0.0), (0.0, 0.0, math.pi / 2), 1.0)
    np.testing.assert_allclose(quarter, (0.0, -1.0, 0.0), atol=1e-12)


def test_after_silence_the_energy_goes_on_from_what_was_left_of_it() -> None:
    movement = Movement()
    shaken, still = Split((0.0, 0.0, 9.0), (0.0, 0.0, 0.0), UP), Split((0.0, 0.0, 0.1), (0.0, 0.0, 0.0), UP)
    for _ in range(100):
        movement.step(shaken, 0.01, 0.01)
    left = movement.columns()[0] * movement.fade(1.0)
    movement.rejoin(still, 1.0)
    movement.step(still, 0.01, 0.01)
    assert movement.columns()[0] < left + 0.1


def test_another_posture_after_a_gap_is_no_jerk() -> None:
    features = MotionFeatures()
    for i in range(100):
        features.update("linear_acceleration", i * 10 * MS, (0.0, 0.0, 5.0))
    for i in range(100):
        t_ns = 1_500 * MS + i * 10 * MS
        features.update("linear_acceleration", t_ns, (0.0, 0.0, -5.0))
        assert features.read(t_ns)[2] < 1e-6


def test_sway_is_measured_along_the_floor_wherever_it_goes() -> None:
    features = feed(dance(100.0, 10.0, 1.8), "linear_acceleration", "acceleration")
    axis = np.array(features.movement.sway_axis.axis)
    assert abs(float(axis @ np.array(features.gravity.up))) < 0.1
    assert abs(axis[0]) > 0.95
