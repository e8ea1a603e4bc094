"""The body leads: a simulated dancer is followed, beside the naive ways to do it and within the promised bounds."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
from simulated_dancer import LATENCY_MS, SCHEMES, TICK_NS, Followed, Ours, dance, follow, measure, table

from choreo_service.clock import NS
from choreo_service.transport import Leading, Transport

SEEDS = range(4)


@pytest.fixture(scope="module")
def followed() -> dict[str, list[Followed]]:
    return {name: [measure(make, seed) for seed in SEEDS] for name, make in SCHEMES.items()}


def test_the_body_is_followed_closely_and_smoothly(followed: dict[str, list[Followed]]) -> None:
    for run in followed["transport, leader body"]:
        assert run.tempo_rms <= 0.02
        assert run.beat_jitter <= 0.015
        assert abs(run.asynchrony_ms) <= 20.0
        assert run.asynchrony_sd_ms <= 40.0
        assert max(run.retempo_s) <= 10.0
        assert max(run.relock_s) <= 20.0
        assert run.largest_jump <= 0.01
        assert not run.backward


def test_the_naive_ways_fail_the_same_figures(followed: dict[str, list[Followed]]) -> None:
    for run in followed["last interval, phase reset"]:
        assert run.tempo_rms > 0.1
        assert run.beat_jitter > 0.1
        assert run.largest_jump > 0.5
    assert max(abs(r.asynchrony_ms) + r.asynchrony_sd_ms for r in followed["interval mean, no phase"]) > 100.0


def test_a_latency_nobody_told_stays_as_asynchrony(followed: dict[str, list[Followed]]) -> None:
    told, untold = (
        np.mean([r.asynchrony_ms for r in followed[f"transport, {name}"]])
        for name in ("leader body", "latency unknown")
    )
    assert untold - told == pytest.approx(LATENCY_MS, abs=12.0)


@pytest.mark.parametrize(
    ("how", "bound_ms"), [({"jitter": 0.06}, 70.0), ({"missed": 0.3, "extra": 0.2}, 60.0)], ids=["loose", "sparse"]
)
def test_a_worse_dancer_is_still_followed(how: dict[str, float], bound_ms: float) -> None:
    run = measure(Ours, 1, **how)
    assert abs(run.asynchrony_ms) + run.asynchrony_sd_ms <= bound_ms
    assert run.tempo_rms <= 0.03


def test_the_table_shows_every_scheme() -> None:
    lines = table(seeds=1).splitlines()
    assert [line[:27].strip() for line in lines[1:]] == list(SCHEMES)
    assert "%" in lines[1]


def test_a_body_faster_than_the_range_is_followed_to_its_edge() -> None:
    _, marked = dance(3, 60.0, steps=((0.0, 133.0),))
    times, _, bpms = follow(Ours(), marked, 60.0)
    assert bpms[times > 30].max() <= 110 * 1.12 * 1.0401


def test_after_a_long_silence_the_body_is_met_anew() -> None:
    _, marked = dance(4, 60.0, steps=((0.0, 112.0),))
    marked = marked[(marked < 20.0) | (marked > 40.0)]
    times, beats, _ = follow(Ours(), marked, 60.0)
    ours = np.interp(np.arange(math.ceil(beats[0]), math.floor(beats[-1])), beats, times)
    late = [math.remainder(t - 1.0, 60.0 / 112.0) for t in ours[ours > 52.0]]
    assert abs(np.mean(late)) < 0.06  # beat times are counted from the tick before the first, 20 ms


def test_two_who_follow_each_other_stay_near_home() -> None:
    """A dancer who corrects .3 of the phase error and .03 of the period, and hears the music a little late."""
    for late_s in (0.005, 0.02, -0.02):
        drift = {leader: abs(_mutual(leader, late_s) / 110.0 - 1.0) for leader in ("body", "shared")}
        assert drift["body"] <= 0.12 * 1.01 + 0.04
        assert drift["shared"] <= 0.08
        if abs(late_s) >= 0.02:
            assert drift["shared"] < drift["body"]  # without the leak it runs to the end of the range


def _mutual(leader: str, late_s: float, seconds: float = 240.0) -> float:
    """bpm at the end, averaged over the last 20 s."""
    rng = random.Random(7)
    transport = Transport(110.0, Leading(leader))
    period_s = 60.0 / 110.0
    next_s, bpms = 1.0, []
    tempo = transport.at(TICK_NS)
    total = beats = tempo.beats
    for k in range(2, round(seconds * NS / TICK_NS)):
        t_s = k * TICK_NS / NS
        if t_s >= next_s:
            at_s = next_s + rng.gauss(0.0, 0.01)
            transport.body_beat(round(at_s * NS))
            since_s = next_s - (t_s - TICK_NS / NS) - late_s  # the dancer hears the music of `late_s` ago
            heard = math.remainder(total + since_s * tempo.bpm / 60.0, 1.0) * period_s
            period_s = min(1.0, max(0.3, period_s - 0.03 * heard))
            next_s += period_s - 0.3 * heard
        tempo = transport.at(k * TICK_NS)
        total += (tempo.beats - beats) % 4
        beats = tempo.beats
        bpms.append(tempo.bpm)
    return float(np.mean(bpms[-1000:]))
