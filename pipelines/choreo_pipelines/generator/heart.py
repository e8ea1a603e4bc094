"""The heart: first order behind the effort, seen either as it is or through a strap."""

from __future__ import annotations

from typing import Final

import numpy as np

from choreo_pipelines.generator.noise import Array, low_pass
from choreo_pipelines.generator.settings import HZ, Performer, Settings

STRAP_SD: Final = 0.7  # bpm, before the strap rounds
SLOPE_WINDOW_S: Final = 5


def target_bpm(effort: Array, performer: Performer, dead_time_s: float) -> Array:
    """[T] the rate this heart is heading for: resting + gain * effort, `dead_time_s` late."""
    late = round(dead_time_s * HZ)
    delayed = np.concatenate((np.full(late, effort[0]), effort))[: len(effort)]
    return performer.resting_bpm + performer.gain_bpm * delayed


def heart_rate(rng: np.random.Generator, target: Array, settings: Settings) -> tuple[Array, Array, Array]:
    """(hr in bpm, hr_slope in bpm/s, age of the reading in s), each [T].

    HR' = (target - HR) / tau, settled at the start. "clean" gives this rate and its exact derivative, from which the
    effort can be computed back without error; "ble" gives what a strap sends, and the slope of a line through it.
    """
    rate = low_pass(target, settings.tau_s)
    if settings.hr_mode == "clean":
        return rate, (target - rate) / settings.tau_s, np.zeros(len(rate))
    return _strap(rng, rate)


def _strap(rng: np.random.Generator, rate: Array) -> tuple[Array, Array, Array]:
    """Integers once a second, held between; least-squares line through the readings of the last five seconds."""
    shown = np.round(rate[::HZ] + rng.normal(0.0, STRAP_SD, len(rate[::HZ])))
    slopes = np.array([_slope(shown[max(0, i - SLOPE_WINDOW_S) : i + 1]) for i in range(len(shown))])
    frame = np.arange(len(rate))
    second = frame // HZ
    return shown[second], slopes[second], (frame % HZ) / HZ


def _slope(readings: Array) -> float:
    """bpm/s of the line through readings one second apart; 0 below three, where it would be rounding noise."""
    if len(readings) < 3:
        return 0.0
    t = np.arange(len(readings)) - (len(readings) - 1) / 2.0
    return float(t @ readings / (t @ t))
