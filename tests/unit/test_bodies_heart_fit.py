"""The time constant of a heart: recovered where it is known, refused where the recording can't tell."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from choreo_pipelines.bodies import Bout, HeartFit, Pace, fit_heart_rate, read_paces
from choreo_pipelines.generator import Settings, generate

Array = np.ndarray


def heart(effort: Array, tau_s: float, *, dead_s: int = 0, hr0: float = 70.0, gain: float = 80.0) -> Array:
    """A heart once a second, integrated in 50 steps each: another method than the fit's."""
    delayed = np.concatenate((np.full(dead_s, effort[0]), effort))[: len(effort)]
    rate, out = hr0 + gain * delayed[0], []
    for target in hr0 + gain * delayed:
        for _ in range(50):
            rate += (target - rate) / tau_s / 50
        out.append(rate)
    return np.array(out)


def steps(seconds: int, seed: int = 0) -> Array:
    """An effort that changes every 20..60 s."""
    rng = np.random.default_rng(seed)
    out: list[float] = []
    while len(out) < seconds:
        out += [float(rng.uniform(0, 1))] * int(rng.integers(20, 60))
    return np.array(out[:seconds])


def pace(hr: Array, effort: Array) -> Pace:
    return Pace("speed", "m/s", (Bout(hr, effort),))


@pytest.mark.parametrize("tau_s", [3.0, 15.0, 30.0, 60.0])
@pytest.mark.parametrize("mode", ["clean", "ble"])
def test_the_generators_hearts_are_recovered_from_their_takes(tmp_path: Path, tau_s: float, mode: str) -> None:
    settings = Settings(minutes=12.0, tau_s=tau_s, hr_mode=mode, dead_time_s=6.0)
    (take, _, _), *_ = generate(settings, sessions=1, seed=4, out=tmp_path)
    (found,) = read_paces(take.path)
    fit = fit_heart_rate(found)
    assert fit.effort == "motion_energy"
    assert fit.identifiable, fit.reason
    assert fit.tau_s == pytest.approx(tau_s, rel=0.08 if mode == "clean" else 0.15)
    assert fit.covering == (tau_s,) or mode == "ble"
    assert fit.dead_s == pytest.approx(6.0 if mode == "clean" else 7.0, abs=1.0)  # a strap's reading is up to 1 s old
    assert fit.r2 > 0.95


@pytest.mark.parametrize("dead_s", [0, 12])
def test_rest_gain_and_dead_time_are_recovered(dead_s: int) -> None:
    effort = steps(1500)
    fit = fit_heart_rate(pace(heart(effort, 40.0, dead_s=dead_s), effort))
    assert fit.tau_s == pytest.approx(40.0, rel=0.07)
    assert fit.dead_s == pytest.approx(dead_s, abs=1)
    assert (fit.resting_bpm, fit.gain) == (pytest.approx(70.0, abs=1.5), pytest.approx(80.0, rel=0.03))
    assert fit.r2 > 0.99 > fit.r2_default


def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    """Noise with a memory of 20 s, which an interval over single seconds would mistake for evidence."""
    held = 0
    for seed in range(12):
        rng, effort = np.random.default_rng(seed), steps(1500, seed)
        noise = np.convolve(rng.normal(0, 2.5, len(effort) + 59), np.exp(-np.arange(60) / 20), mode="valid")
        fit = fit_heart_rate(pace(heart(effort, 25.0) + noise, effort), seed=seed)
        held += fit.low_s <= 25.0 <= fit.high_s
        assert fit.high_s > 1.1 * fit.low_s
    assert held >= 9


def test_bouts_share_one_time_constant_and_start_at_their_own_rate() -> None:
    effort = steps(1200)
    hr = heart(effort, 30.0)
    apart = Pace("speed", "m/s", (Bout(hr[:500], effort[:500]), Bout(hr[700:], effort[700:])))
    fit = fit_heart_rate(apart)
    assert fit.seconds == 1000
    assert fit.tau_s == pytest.approx(30.0, rel=0.07)


def _constant(rng: np.random.Generator) -> tuple[Array, Array]:
    return 100 + rng.normal(0, 3, 900), 1.0 + 0.01 * rng.standard_normal(900)


def _unmoved(rng: np.random.Generator) -> tuple[Array, Array]:
    return 80 + np.cumsum(rng.normal(0, 0.3, 900)), rng.uniform(0, 1, 900)


def _opposed(rng: np.random.Generator) -> tuple[Array, Array]:
    effort = steps(900)
    return 200 - heart(effort, 20.0), effort


def _instant(rng: np.random.Generator) -> tuple[Array, Array]:
    effort = steps(900)
    return 70 + 80 * effort + rng.normal(0, 0.5, 900), effort


def _short(rng: np.random.Generator) -> tuple[Array, Array]:
    effort = steps(170)
    return heart(effort, 20.0), effort


def _still(rng: np.random.Generator) -> tuple[Array, Array]:
    return np.full(900, 75.0), steps(900)


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (_constant, "hardly changes"),
        (_unmoved, "explains R2|does not rise|anything from|edge"),
        (_opposed, "does not rise|explains R2"),
        (_instant, "edge"),
        (_short, "180 s are needed"),
        (_still, "never changes"),
    ],
)
def test_what_a_recording_cannot_tell_is_not_guessed(
    made: Callable[[np.random.Generator], tuple[Array, Array]], reason: str
) -> None:
    fit = fit_heart_rate(pace(*made(np.random.default_rng(1))))
    assert not fit.identifiable
    assert any(part in fit.reason for part in reason.split("|")), fit.reason
    assert "not identifiable" in fit.text()


def test_the_report_names_the_presets() -> None:
    fit = HeartFit("speed", 3600, tau_s=42.0, low_s=35.0, high_s=55.0)
    assert fit.covering == ()
    assert "none; the nearest are 30 and 60 s" in fit.text()
    wider = HeartFit("speed", 3600, tau_s=42.0, low_s=25.0, high_s=70.0)
    assert wider.covering == (30.0, 60.0)
    assert "interval: 30 s and 60 s" in wider.text()
