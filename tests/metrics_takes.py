"""Takes with known answers: a dancer on the beat, and a density that follows the energy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from choreo_pipelines.metrics.beat import beat_position
from choreo_pipelines.metrics.controls import smoothed
from choreo_pipelines.metrics.series import Floats

HZ = 50.0


@dataclass(frozen=True)
class Take:
    """Columns [n] at 50 Hz, and the beat count made of phase and index."""

    beat_phase: Floats
    beat_idx: Floats
    position: Floats
    motion_energy: Floats
    density: Floats  # the oracle: squashed motion_energy, 60 ms smoothing


def steady_beat(bpm: float, minutes: float = 3.0) -> tuple[Floats, Floats]:
    """Phase and index of an exact tempo."""
    beats = np.arange(int(minutes * 60 * HZ)) / HZ * bpm / 60
    return beats % 1.0, np.floor(beats) % 4


def take(seed: int = 0, bpm: float = 110.0, minutes: float = 3.0) -> Take:
    """A dancer on the beat, in sections of four bars at 110 bpm; tempo wanders by 1 %."""
    rng = np.random.default_rng(seed)
    n = int(minutes * 60 * HZ)
    beats = np.cumsum(bpm / 60 / HZ * (1 + 0.01 * _wander(rng, n, 20.0)))
    levels = rng.permuted(np.tile([0.15, 0.4, 0.65, 0.9], (int(beats[-1] / 64) + 1, 1)), axis=1).ravel()
    section = levels[(beats // 16).astype(int)]
    intensity = np.clip(smoothed(section, HZ, 0.8) + 0.12 * _wander(rng, n, 4.0), 0.02, 1.1)
    distance = np.abs((beats + 0.5) % 1.0 - 0.5)
    energy = intensity * (0.7 + 0.6 * np.exp(-0.5 * (distance / 0.12) ** 2)) + 0.03 * rng.standard_normal(n)
    phase, index = beats % 1.0, np.floor(beats) % 4
    return Take(phase, index, beat_position(phase, index), energy, follow(energy))


def bumps(beats: Floats, bpm: float, minutes: float = 3.0) -> Floats:
    """A density with one narrow bump at each of these beat counts of a steady beat."""
    frames = np.arange(int(minutes * 60 * HZ)) / HZ
    return np.exp(-0.5 * ((frames[:, None] - beats * 60 / bpm) / 0.04) ** 2).sum(axis=1)


def follow(energy: Floats, tau_s: float = 0.06) -> Floats:
    """The teacher's rule for density: 0.5 + 0.5 tanh of the smoothed energy, scaled by its own quantiles."""
    slow = smoothed(energy, HZ, tau_s)
    low, middle, high = np.quantile(slow, (0.05, 0.5, 0.95))
    return 0.5 + 0.5 * np.tanh((slow - middle) / ((high - low) / 2))


def _wander(rng: np.random.Generator, n: int, tau_s: float) -> Floats:
    """Ornstein-Uhlenbeck noise of deviation 1."""
    keep = np.exp(-1 / (HZ * tau_s))
    steps = rng.standard_normal(n) * np.sqrt(1 - keep**2)
    out, last = np.empty(n), float(rng.standard_normal())
    for k in range(n):
        last = keep * last + steps[k]
        out[k] = last
    return out
