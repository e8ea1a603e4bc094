"""Latency and error of the features that need seconds: frequency, symmetry, and the gate that holds them at rest."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from choreo_pipelines.feature_bench.imu import Array, Imu, dance, rest, traced
from choreo_pipelines.feature_bench.row import Row
from choreo_service.clock import work_ns

RATE: Final = 60.0  # Hz, that of the prototype
STEP_HZ: Final = 1.8
JITTER: Final = 0.02  # of each step's length
FASTER: Final = 1.17
GYRO: Final = ("rotation_rate", "acceleration")

_ENERGY, _FREQ, _SYMMETRY = 0, 1, 5


def slow_rows() -> Iterator[Row]:
    """The rows of all slow features."""
    yield from _frequency()
    yield from _symmetry()
    yield from _freeze()


def _frequency() -> Iterator[Row]:
    steps = _jittered(120.0)
    for name, alternation, octaves in (("even steps", 0.0, "0"), ("steps of +-50 %", 0.5, "0")):
        imu = dance(RATE, len(steps) / RATE, steps, alternation=alternation)
        began_ns = work_ns()
        found = traced(imu, *GYRO)[round(5.0 * RATE) :, _FREQ]
        cost_us = (work_ns() - began_ns) / 1e3 / len(imu.acceleration)
        error = found / STEP_HZ - 1.0
        rms = float(np.sqrt((error**2).mean())) * 100.0
        yield Row("motion_freq", f"rms error, 2 % jitter, {name}", rms, "%", "0.5", (0, 1.5))
        yield Row("motion_freq", f"off by 8 % or more, {name}", _share(np.abs(error) > 0.08), "%", octaves, (0, 0))
    yield Row("motion_freq", "all six columns, a sample", cost_us, "us", "", (0, np.inf))
    slow, fast = dance(RATE, 20.0, STEP_HZ), dance(RATE, 12.0, STEP_HZ * FASTER)
    found = traced(_joined(slow, fast), *GYRO)[round(20.0 * RATE) :, _FREQ]
    relock_s = _settles(np.abs(found / (STEP_HZ * FASTER) - 1.0) < 0.05)
    yield Row("motion_freq", "re-lock after a step of 17 %", relock_s, "s", "2.1-2.4", (1.0, 3.2))
    for hz in (0.8, 1.5, 2.5, 3.0):
        found = traced(dance(RATE, 12.0, hz), *GYRO)[:, _FREQ]
        cold_s = _settles(np.abs(found / hz - 1.0) < 0.05)
        yield Row("motion_freq", f"cold start at {hz:g} Hz", cold_s, "s", "0.2-1.8", (0.0, 4.0))


def _symmetry() -> Iterator[Row]:
    for alternation, prototype, good in ((0.0, "1.01", (0.95, 1.0)), (0.5, "0.75", (0.5, 0.85))):
        value = float(np.median(traced(dance(RATE, 20.0, alternation=alternation), *GYRO, after_s=10.0)[:, _SYMMETRY]))
        yield Row("symmetry", f"steps of +-{alternation:.0%}", value, "", prototype, good)
    both = _joined(dance(RATE, 20.0, alternation=0.5), dance(RATE, 15.0))
    found = traced(both, *GYRO)[round(20.0 * RATE) :, _SYMMETRY]
    yield Row("symmetry", "until even steps are seen as even", _settles(found > 0.95), "s", "3-6", (1.0, 7.0))


def _freeze() -> Iterator[Row]:
    """Eight seconds of stillness after a dance; the device lies as it did."""
    moving, still = dance(RATE, 20.0, tilt_deg=0.0), rest(RATE, 8.0, noise=0.08)
    level = np.array((0.0, 0.0, 1.0)) * np.linalg.norm(still.acceleration, axis=1, keepdims=True)
    both = _joined(moving, Imu(RATE, level, still.linear, still.rotation))
    found = traced(both, *GYRO)
    at = round(20.0 * RATE)
    before, frozen = found[at - 1], found[at + round(RATE) :]
    wandered = float(np.abs(frozen[:, _FREQ] / before[_FREQ] - 1.0).max()) * 100.0
    yield Row("freeze", "frequency wanders by", wandered, "%", "held", (0, 3))
    yield Row("freeze", "energy after a second", float(frozen[0, _ENERGY]), "m/s^2", "to 0", (0, 0.3))


def _jittered(seconds: float) -> Array:
    """Step frequency at each sample: every step is JITTER longer or shorter than the last."""
    rng = np.random.default_rng(8)
    lengths = (1.0 + rng.normal(0.0, JITTER, round(seconds * STEP_HZ) + 2)) / STEP_HZ
    at = np.searchsorted(np.cumsum(lengths), np.arange(round(seconds * RATE)) / RATE, side="right")
    hz: Array = 1.0 / lengths[at]
    return hz


def _settles(right: Array | np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> float:
    """Seconds until it is right for good; infinite where it never is."""
    wrong = np.flatnonzero(~np.asarray(right, np.bool_))
    after = 0 if not len(wrong) else int(wrong[-1]) + 1
    return after / RATE if after < len(right) else np.inf


def _share(which: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> float:
    return float(which.mean()) * 100.0


def _joined(a: Imu, b: Imu) -> Imu:
    return Imu(
        a.rate, *(np.concatenate((getattr(a, n), getattr(b, n))) for n in ("acceleration", "linear", "rotation"))
    )
