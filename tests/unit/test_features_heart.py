"""Heart packets give rate and slope; bad ones give nothing."""

from __future__ import annotations

import numpy as np
import pytest

from choreo_service.features import HeartFeatures

S = 1_000_000_000


def strap(rate: list[float], start_s: float = 0.0) -> HeartFeatures:
    """A strap that sends one integer rate per second."""
    heart = HeartFeatures()
    for i, bpm in enumerate(rate):
        heart.update("heart_rate", round((start_s + i) * S), (float(round(bpm)),))
    return heart


def beats(bpm: list[float]) -> tuple[HeartFeatures, int]:
    """A strap that sends each RR interval; the features and the last stamp."""
    heart, t = HeartFeatures(), 0
    for rate in bpm:
        t += round(60.0 / rate * S)
        heart.update("rr_interval", t, (60.0 / rate,))
    return heart, t


def test_steady_rate_has_no_slope() -> None:
    rate, slope = strap([72.0, 73.0] * 10).read(19 * S)
    assert rate == pytest.approx(72.5, abs=0.6)
    assert abs(slope) < 1e-3


def test_a_rising_rate_has_its_slope() -> None:
    rate, slope = strap([80.0 + i for i in range(20)]).read(19 * S)
    assert slope == pytest.approx(1.0, abs=0.02)
    assert rate == pytest.approx(98.0, abs=1.0)  # median of three: one packet behind


def test_the_median_hides_one_wrong_packet() -> None:
    assert strap([70.0] * 10 + [140.0]).read(10 * S)[0] < 80.0


def test_rates_that_leap_to_and_fro_are_never_believed_alone() -> None:
    heart = strap([80.0, 80.0, 80.0])
    said = [heart.update("heart_rate", (3 + i) * S, (bpm,)) for i, bpm in enumerate([130.0, 80.0, 130.0, 80.0])]
    assert said == [False, True, False, True]
    assert heart.read(6 * S)[0] == pytest.approx(80.0)


def test_a_second_heart_rate_is_not_the_mean_of_two_that_disagree() -> None:
    assert strap([80.0, 140.0]).read(1 * S)[0] == 80.0


def test_intervals_win_over_the_straps_average() -> None:
    heart, t = beats([120.0] * 12)
    heart.update("heart_rate", t, (60.0,))
    assert heart.read(t)[0] == pytest.approx(120.0)


def test_the_average_takes_over_when_intervals_stop() -> None:
    heart, t = beats([120.0] * 12)
    for i in range(6, 10):
        heart.update("heart_rate", t + i * S, (90.0,))
    assert heart.read(t + 9 * S)[0] == pytest.approx(90.0, abs=2.0)


def test_an_ectopic_beat_is_rejected_and_a_real_jump_believed() -> None:
    heart, t = beats([75.0] * 8)
    heart.update("rr_interval", t, (0.4,))
    assert heart.read(t)[0] == pytest.approx(75.0)
    jumped, t = beats([75.0] * 8 + [150.0] * 8)
    assert jumped.read(t)[0] > 145.0


@pytest.mark.parametrize(
    ("stream", "values"),
    [
        ("heart_rate", (0.0,)),
        ("heart_rate", (255.0,)),
        ("heart_rate", (float("nan"),)),
        ("heart_rate", (60.0, 61.0)),
        ("rr_interval", (0.1,)),
        ("rr_interval", (3.0,)),
        ("heart_features", (10.0, 0.0)),
        ("heart_features", (80.0, float("inf"))),
    ],
)
def test_implausible_packets_change_nothing(stream: str, values: tuple[float, ...]) -> None:
    heart = strap([70.0] * 5)
    before = heart.state()
    heart.update(stream, 5 * S, values)
    np.testing.assert_equal(heart.state(), before)


def test_the_rate_is_predicted_for_three_seconds_and_then_held() -> None:
    heart = strap([80.0 + i for i in range(20)])
    at = [float(heart.read((19 + s) * S)[0]) for s in (0, 1, 3, 4, 60)]
    slope = float(heart.read(19 * S)[1])
    np.testing.assert_allclose(at, [at[0] + slope * s for s in (0, 1, 3, 3, 3)], rtol=1e-6)


def test_the_slope_holds_five_seconds_and_then_decays() -> None:
    heart = strap([80.0 + i for i in range(20)])
    slope = [float(heart.read((19 + s) * S)[1]) for s in (0, 5, 15, 120)]
    np.testing.assert_allclose(slope, [slope[0], slope[0], slope[0] * np.exp(-1.0), 0.0], atol=1e-4)


def test_nothing_heard_is_zero() -> None:
    np.testing.assert_array_equal(HeartFeatures().read(5 * S), np.zeros(2, dtype=np.float32))


def test_finished_features_take_over_and_give_back() -> None:
    heart = strap([70.0] * 8)
    heart.update("heart_features", 8 * S, (133.0, -2.0))
    np.testing.assert_array_equal(heart.read(8 * S), np.float32([133.0, -2.0]))
    heart.update("heart_rate", 9 * S, (70.0,))
    np.testing.assert_array_equal(heart.read(9 * S), np.float32([70.0, 0.0]))


def test_a_strap_that_comes_back_after_a_minute_starts_a_new_slope() -> None:
    heart = strap([60.0] * 10)
    for i in range(4):
        heart.update("heart_rate", (70 + i) * S, (160.0,))
    assert heart.read(73 * S)[1] == 0.0


def test_heart_state_goes_on_bit_for_bit() -> None:
    whole, first, second = HeartFeatures(), HeartFeatures(), HeartFeatures()
    packets = [(i * S, 80.0 + 0.7 * i) for i in range(30)]
    for t, bpm in packets[:17]:
        first.update("heart_rate", t, (bpm,))
    second.load_state(first.state())
    for t, bpm in packets:
        whole.update("heart_rate", t, (bpm,))
    for t, bpm in packets[17:]:
        second.update("heart_rate", t, (bpm,))
    np.testing.assert_equal(second.state(), whole.state())
    second.reset()
    np.testing.assert_equal(second.state(), HeartFeatures().state())
