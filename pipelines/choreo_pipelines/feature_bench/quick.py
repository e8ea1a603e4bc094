"""Latency and error of the features that answer each sample: energy, jerk, bounce, sway, and which way is up."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

import numpy as np

from choreo_pipelines.feature_bench.imu import GRAVITY, Array, Imu, dance, rest, traced
from choreo_pipelines.feature_bench.row import Row
from choreo_service.features import MotionFeatures

RATE: Final = 60.0  # Hz, that of the prototype
SECONDS: Final = 30.0
SETTLED_S: Final = 6.0
GYRO: Final = ("rotation_rate", "acceleration")
OWN: Final = ("linear_acceleration", "acceleration")

_ENERGY, _FREQ, _JERK, _SWAY, _BOUNCE, _SYMMETRY = range(6)
_SPAN_S: Final = 0.3  # within which a lag is searched
_PHASES: Final = {0.8: 116, 1.0: 69, 1.5: 14, 2.0: -4, 3.0: -15}  # Hz -> ms of lead, the prototype's
_SLOW_S: Final = 1.0  # of the low-passed gravity that others use


def quick_rows() -> Iterator[Row]:
    """The rows of all quick features."""
    yield from _gravity()
    yield from _energy()
    yield from _jerk()
    yield from _phases()


def _gravity() -> Iterator[Row]:
    imu = dance(RATE, SECONDS, tilt_deg=20.0)
    first = round(SETTLED_S * RATE)
    up = imu.acceleration - imu.linear
    features, found = MotionFeatures(), []
    for i in range(len(imu.acceleration)):
        features.update("rotation_rate", imu.t_ns(i), imu.rotation[i].tolist())
        features.update("acceleration", imu.t_ns(i), imu.acceleration[i].tolist())
        found.append(features.gravity.up)
    yield Row("up", "tilt error with a gyroscope", _degrees(np.array(found), up, first), "deg", "1.5", (0, 2))
    slow = _low_passed(imu.acceleration, _SLOW_S * RATE)
    yield Row("up", "tilt error, low-passed (not ours)", _degrees(slow, up, first), "deg", "9-13", (3, 20))
    true = float(np.sqrt((imu.linear[first:] ** 2).sum(axis=1).mean()))
    for name, streams, prototype, good in (
        ("gyroscope", GYRO, "1.02", (0.9, 1.1)),
        ("own linear acceleration", OWN, "", (0.95, 1.05)),
        ("neither", ("acceleration",), "", (0.75, 1.15)),  # what is level is left out rather than made up
    ):
        energy = traced(imu, *streams, after_s=SETTLED_S)[:, _ENERGY]
        yield Row("up", f"energy to true, {name}", float(np.sqrt((energy**2).mean())) / true, "x", prototype, good)
    worse = float(np.sqrt(((imu.acceleration - slow)[first:] ** 2).sum(axis=1).mean())) / true
    yield Row("up", "energy to true, low-passed (not ours)", worse, "x", "1.5-2.1", (1.05, 3))


def _energy() -> Iterator[Row]:
    imu = dance(RATE, SECONDS, noise=0.0)
    true = np.linalg.norm(imu.linear, axis=1)[round(SETTLED_S * RATE) :]
    ours = traced(imu, *GYRO, after_s=SETTLED_S)[:, _ENERGY]
    lag_ms, fit = _lag(ours, true)
    yield Row("motion_energy", "latency (prototype averages longer)", lag_ms, "ms", "100-150", (0, 100))
    yield Row("motion_energy", "correlation with |a| at that lag", fit, "", "", (0.85, 1))
    still = traced(rest(RATE, 10.0, noise=0.08), *GYRO, after_s=5.0)[:, _ENERGY]
    yield Row("motion_energy", "of a resting phone", float(np.median(still)), "m/s^2", "", (0, 0.2))


def _jerk() -> Iterator[Row]:
    imu = dance(RATE, SECONDS, noise=0.0, tilt_deg=0.0)
    first = round(SETTLED_S * RATE)
    true = np.linalg.norm(np.gradient(imu.linear, 1.0 / RATE, axis=0), axis=1)[first:]
    lag_ms, _ = _lag(traced(imu, *OWN, after_s=SETTLED_S)[:, _JERK], true)
    yield Row("jerk", "latency", lag_ms, "ms", "33", (10, 50))
    noisy, still = dance(RATE, SECONDS, tilt_deg=0.0), rest(RATE, SECONDS, noise=0.08)
    hit, noise = (traced(x, *OWN, after_s=SETTLED_S)[:, _JERK] for x in (noisy, still))
    yield Row("jerk", "hit to a resting phone's noise", _hit_to_noise(hit, noise), "x", "31", (20, 80))
    plain = [np.linalg.norm(np.diff(x.linear[first:], axis=0), axis=1) * RATE for x in (noisy, still)]
    yield Row("jerk", "the same, plain difference (not ours)", _hit_to_noise(plain[0], plain[1]), "x", "9", (4, 20))


def _phases() -> Iterator[Row]:
    """Lead of bounce against the true vertical acceleration; negative is late."""
    for hz, prototype in _PHASES.items():
        at_s = np.arange(round(SECONDS * RATE)) / RATE
        true = 2.0 * np.sin(2.0 * np.pi * hz * at_s)
        up = np.zeros((len(true), 3))
        up[:, 2] = true
        imu = Imu(RATE, up + np.array((0.0, 0.0, GRAVITY)), up, np.zeros_like(up))
        bounce = traced(imu, *OWN, after_s=SETTLED_S)[:, _BOUNCE]
        turn = np.exp(-2j * np.pi * hz * at_s[-len(bounce) :])
        lead = np.angle((bounce * turn).sum() / (true[-len(bounce) :] * turn).sum())
        lead_ms = float(lead) / (2.0 * math.pi * hz) * 1e3
        yield Row("hip_bounce, sway", f"lead at {hz:g} Hz", lead_ms, "ms", f"{prototype:+d}", _near(prototype))


def _near(prototype_ms: float) -> tuple[float, float]:
    """The prototype's filters held each sample and so lagged by more than ours: up to two samples apart."""
    return prototype_ms - 34.0, prototype_ms + 34.0


def _hit_to_noise(hit: Array, noise: Array) -> float:
    return float(np.percentile(hit, 99) / np.sqrt((noise**2).mean()))


def _lag(ours: Array, true: Array) -> tuple[float, float]:
    """(ms by which `ours` comes after `true`, correlation there), the lag refined by a parabola."""
    most = round(_SPAN_S * RATE)
    fits = np.array([np.corrcoef(ours[k:], true[: len(true) - k])[0, 1] for k in range(most)])
    k = int(fits.argmax())
    if not 0 < k < most - 1:
        return k / RATE * 1e3, float(fits[k])
    left, mid, right = fits[k - 1 : k + 2]
    return (k + 0.5 * (left - right) / (left - 2.0 * mid + right)) / RATE * 1e3, float(mid)


def _degrees(found: Array, true: Array, first: int) -> float:
    """Mean angle between two series of directions."""
    a, b = (x[first:] / np.linalg.norm(x[first:], axis=1, keepdims=True) for x in (found, true))
    return float(np.degrees(np.arccos(np.clip((a * b).sum(axis=1), -1.0, 1.0))).mean())


def _low_passed(x: Array, samples: float) -> Array:
    out = np.empty_like(x)
    out[0] = x[0]
    for i in range(1, len(x)):
        out[i] = out[i - 1] + (x[i] - out[i - 1]) / samples
    return out
