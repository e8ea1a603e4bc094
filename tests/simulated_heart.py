"""A heart whose rate is known, as a strap sees it: beats with breathing and jitter, in messages once a second."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from choreo_pipelines.generator.session import synthesize
from choreo_pipelines.generator.settings import HZ, Settings
from choreo_service.clock import NS
from choreo_service.features import HeartFeatures

BREATHING = 0.03  # respiratory arrhythmia, share of the interval
BREATHS_HZ = 0.25
JITTER = 0.012

Array = np.ndarray
Packet = tuple[int, str, tuple[float, ...]]  # reception in ns, stream, values


@dataclass(frozen=True)
class Heart:
    """`bpm` and `slope` (bpm/s) [T] at 50 Hz are the truth; beat i ended `ends_s[i]` after `intervals[i]` s."""

    bpm: Array
    slope: Array
    ends_s: Array
    intervals: Array

    def each_beat(self) -> list[Packet]:
        """Every interval received when its beat is."""
        return [(at(s), "rr_interval", (rr,)) for s, rr in zip(self.ends_s, self.intervals, strict=True)]

    def once_a_second(self) -> list[Packet]:
        """Every interval received with the strap's next message, all of a message at the same moment."""
        return [(at(math.ceil(s)), "rr_interval", (rr,)) for s, rr in zip(self.ends_s, self.intervals, strict=True)]

    def integers(self) -> list[Packet]:
        """The mean of the last three intervals as whole bpm, once a second."""
        last = np.searchsorted(self.ends_s, np.arange(3, math.floor(self.ends_s[-1])), side="right")
        means = [self.intervals[max(0, i - 3) : i].mean() for i in last]
        return [(at(3 + i), "heart_rate", (float(round(60.0 / rr)),)) for i, rr in enumerate(means)]


def at(seconds: float) -> int:
    return round(seconds * NS)


def dancing(tau_s: float, seed: int, minutes: float = 5.0) -> Heart:
    """The heart of a synthetic dancer with this time constant."""
    features = synthesize(Settings(minutes=minutes, tau_s=tau_s), seed, 0).features.astype(float)
    bpm = features[:, 6]
    return Heart(bpm, features[:, 7], *_beats(lambda s: float(bpm[int(s * HZ)]), len(bpm) / HZ - 3.0, seed))


def steady(bpm: float, seconds: float, seed: int) -> Heart:
    """A heart that rests at `bpm`."""
    truth = np.full(round(seconds * HZ), bpm)
    return Heart(truth, np.zeros_like(truth), *_beats(lambda s: bpm, seconds - 3.0, seed))


def _beats(bpm_at: Callable[[float], float], seconds: float, seed: int) -> tuple[Array, Array]:
    rng, t, ends, intervals = np.random.default_rng(seed), 0.0, [], []
    while t < seconds:
        breathing = BREATHING * math.sin(2.0 * math.pi * BREATHS_HZ * t)
        intervals.append(60.0 / bpm_at(t) * (1.0 + breathing + JITTER * rng.normal()))
        t += intervals[-1]
        ends.append(t)
    return np.array(ends), np.array(intervals)


def traced(packets: list[Packet], ticks: int) -> Array:
    """HeartFeatures as the frames of a 50 Hz service show them, [ticks, 2]."""
    features, rows, waiting = HeartFeatures(), np.zeros((ticks, 2)), iter(sorted(packets, key=lambda p: p[0]))
    coming = next(waiting, None)
    for k in range(ticks):
        due = k * NS // HZ
        while coming is not None and coming[0] <= due:
            features.update(coming[1], coming[0], coming[2])
            coming = next(waiting, None)
        rows[k] = features.read(due)
    return rows


def agreement(found: Array, truth: Array, *, lag_s: float = 0.0, warm_s: float = 10.0) -> float:
    """Correlation of a 50 Hz track with the truth `lag_s` earlier."""
    late, warm = round(lag_s * HZ), round(warm_s * HZ)
    n = min(len(found), len(truth))
    return float(np.corrcoef(found[warm + late : n], truth[warm : n - late])[0, 1])


def best_agreement(found: Array, truth: Array) -> tuple[float, float]:
    """The highest correlation over lags of 0..8 s, and its lag in s."""
    return max((agreement(found, truth, lag_s=lag), lag) for lag in np.arange(0.0, 8.0, 0.2))
