"""RR intervals: all of a message used, at the time the heart beat, without those no heart made."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from simulated_heart import Packet, agreement, at, dancing, steady, traced

from choreo_service.clock import NS
from choreo_service.features import HeartFeatures
from choreo_service.features.rr_chain import Beat, RrChain


def pushed(*packets: tuple[float, float]) -> list[Beat | None]:
    """What the chain makes of (reception in s, interval in s)."""
    chain = RrChain()
    return [chain.push(at(rx), interval) for rx, interval in packets]


def received(intervals: list[float]) -> list[Packet]:
    """Intervals received as they end, from 0 s on."""
    return [(at(end), "rr_interval", (rr,)) for end, rr in zip(itertools.accumulate(intervals), intervals, strict=True)]


def largest_move(bpm: float, changed: list[float]) -> float:
    """How far hr goes from `bpm` in the 12 s around `changed`, which stands among perfectly even intervals."""
    even = [60.0 / bpm] * round(20.0 * bpm / 60.0)
    rows = traced(received(even + changed + even), 32 * 50)
    return float(np.abs(rows[10 * 50 :, 0] - bpm).max())


@pytest.mark.parametrize("bpm", [55.0, 80.0, 110.0])
@pytest.mark.parametrize(
    "shares", [(2.0,), (0.5, 0.5), (0.35, 0.65), (0.7, 1.3), (2.0, 1.0, 2.0)],
    ids=["missed", "extra", "uneven extra", "premature", "two missed"],
)  # fmt: skip
def test_a_wrong_beat_moves_the_rate_by_less_than_two_bpm(bpm: float, shares: tuple[float, ...]) -> None:
    assert largest_move(bpm, [60.0 / bpm * share for share in shares]) < 2.0


def test_a_real_change_does_move_the_rate() -> None:
    assert largest_move(80.0, [0.6] * 12) > 15.0


def test_a_message_of_several_intervals_spreads_them_back_in_time() -> None:
    beats = pushed((1.0, 0.5), (1.0, 0.5), (2.0, 0.5), (2.0, 0.5))
    known = [beat for beat in beats[1:] if beat]  # of the first message's first nobody could know
    np.testing.assert_allclose([beat.t_ns / NS for beat in known], [1.0, 1.5, 2.0], atol=0.01)
    assert [beat.since_s for beat in known] == [0.5, 0.5, 0.5]


def test_a_beat_is_never_in_the_future() -> None:
    rng = np.random.default_rng(3)
    rx = np.cumsum(rng.exponential(0.7, 300)) + 100.0
    for r, beat in zip(rx, pushed(*((r, rng.uniform(0.75, 0.85)) for r in rx)), strict=True):
        assert beat is None or beat.t_ns <= at(r)


@pytest.mark.parametrize("drift", [0.998, 1.002])
def test_a_strap_whose_clock_drifts_is_followed_for_an_hour(drift: float) -> None:
    beats = pushed(*((i * 0.8, 0.8 * drift) for i in range(4500)))
    last = beats[-1]
    assert last is not None
    assert last.joined
    assert at(4499 * 0.8) - last.t_ns < NS // 10  # without following, 7 s


def test_every_interval_of_a_message_counts() -> None:
    heart = dancing(15.0, seed=1, minutes=3.0)
    ticks = len(heart.bpm) - 200
    per_beat, per_second = traced(heart.each_beat(), ticks), traced(heart.once_a_second(), ticks)
    last_only = traced(list({p[0]: p for p in heart.once_a_second()}.values()), ticks)
    delayed = agreement(per_second[:, 1], per_beat[:, 1], lag_s=0.6)
    assert delayed > 0.99  # the same slope, as late as messages are
    assert delayed > agreement(last_only[:, 1], per_beat[:, 1], lag_s=0.6)


def test_rejected_intervals_are_time_that_passed() -> None:
    beats = pushed(*((0.8 * (i + 1), 0.8) for i in range(5)), (5.6, 1.6), (6.4, 0.8))
    assert beats[5] is None
    assert beats[6] is not None
    assert beats[6].since_s == pytest.approx(2.4)
    assert not beats[6].joined


def test_a_gap_starts_a_new_chain() -> None:
    beats = pushed((1.0, 0.8), (1.8, 0.8), (31.8, 0.8), (32.6, 0.8))
    assert [b and b.joined for b in beats] == [False, True, False, True]
    assert beats[2] is not None
    assert beats[2].since_s == pytest.approx(30.0)


def test_nothing_of_the_slope_from_before_a_gap_is_taken_for_the_rate_after_it() -> None:
    rising = [60.0 / (80.0 + i) for i in range(40)]
    packets = received(rising)
    end = packets[-1][0]
    features = HeartFeatures()
    for t, stream, values in packets:
        features.update(stream, t, values)
    features.update("rr_interval", end + at(20.0), (60.0 / 118.0,))
    assert features.read(end + at(20.0))[0] == pytest.approx(118.0, abs=2.0)


def false_beats(*, with_average: bool) -> float:
    """hr after a minute at 60 bpm and eight even intervals that say 150, the strap's average going on at 60."""
    features = HeartFeatures()
    packets = received([1.0] * 60 + [0.4] * 8)
    averages = [(at(float(s)), "heart_rate", (60.0,)) for s in range(64)] if with_average else []
    for t, stream, values in sorted(packets + averages):
        features.update(stream, t, values)
    return float(features.read(packets[-1][0])[0])


def test_a_run_of_false_beats_needs_the_straps_average_to_be_believed() -> None:
    assert false_beats(with_average=True) == pytest.approx(60.0, abs=2.0)
    assert false_beats(with_average=False) > 140.0


def test_beats_come_back_after_the_average_had_denied_them() -> None:
    features = HeartFeatures()
    packets = received([1.0] * 20 + [0.4] * 8 + [1.0] * 20)
    for t, stream, values in sorted(packets + [(at(float(s)), "heart_rate", (64.0,)) for s in range(44)]):
        features.update(stream, t, values)
    assert features.read(packets[-1][0])[0] == pytest.approx(60.0, abs=0.5)


def test_a_resting_heart_is_calmer_than_its_beats() -> None:
    heart = steady(60.0, 120.0, seed=2)
    rows = traced(heart.each_beat(), 110 * 50)[10 * 50 :]
    assert rows[:, 0].std() < 0.5 * (60.0 / heart.intervals).std()
    assert np.abs(rows[:, 1]).max() < 0.5


def after_a_silence(average: float, later: float) -> tuple[HeartFeatures, int]:
    """Beats at 60 bpm, 10 s without, six beats at 54.5 bpm under `average`, then 20 s of them under `later`."""
    features = HeartFeatures()
    packets = received([1.0] * 15)
    packets += [(at(25.0 + 1.1 * i), "rr_interval", (1.1,)) for i in range(24)]
    averages = [(at(16.0 + s), "heart_rate", (average if s < 15 else later,)) for s in range(36)]
    for t, stream, values in sorted(packets + averages):
        features.update(stream, t, values)
    return features, packets[-1][0]


def test_beats_that_contradict_the_average_after_a_silence_stay_out() -> None:
    features, t_ns = after_a_silence(90.0, 90.0)
    assert features.read(t_ns)[0] == pytest.approx(90.0, abs=0.5)


def test_beats_the_average_comes_to_agree_with_are_no_neighbours_of_those_before() -> None:
    features, t_ns = after_a_silence(90.0, 56.0)
    assert features.read(t_ns)[0] == pytest.approx(60.0 / 1.1, abs=0.5)
    assert features.variability_ms == pytest.approx(0.0, abs=1e-9)
