"""The body: six motion columns from effort and beat."""

from __future__ import annotations

from typing import Final

import numpy as np

from choreo_pipelines.generator.noise import Array, low_pass, ornstein_uhlenbeck
from choreo_pipelines.generator.score import Score
from choreo_pipelines.generator.settings import ENERGY, HIP, JERK, Performer

SWELL_S: Final = 0.8  # how fast a body follows a new section
MOOD_S: Final = 4.0
MOOD_SD: Final = 0.12
HIT_WIDTH: Final = 0.06  # beats, standard deviation of a bump of jerk
HITS: Final = ((0.0, 1.0), (0.5, 0.6))  # (phase, strength)
DROPPED: Final = 0.08  # of all hits
ACCENT: Final = 1.5  # jerk of the first beat of a bar, over the others
BAR_SWING: Final = 0.5  # of the hip's motion has the bar's period; without it no column tells the bar
HALF_TIME_BELOW: Final = 0.5  # sections calmer than this are danced on every second beat
FREQ_S: Final = 0.3


def effort_of(rng: np.random.Generator, level: Array) -> Array:
    """[T] 0.02..1.1: how hard the body works, following the section and its own mood."""
    return np.clip(low_pass(level, SWELL_S) + ornstein_uhlenbeck(rng, len(level), MOOD_S, MOOD_SD), 0.02, 1.1)


def move(rng: np.random.Generator, score: Score, effort: Array, performer: Performer) -> Array:
    """[T, 6] in the columns and units of MODALITIES["motion"]."""
    beat = score.beats - performer.late_beats
    off_beat = beat - np.round(beat)
    swing = performer.size * effort
    frames = len(effort)
    energy = swing * (0.7 + 0.6 * np.exp(-0.5 * (off_beat / 0.12) ** 2)) + rng.normal(0.0, 0.03, frames)
    jerk = effort * _hits(rng, beat, performer.jitter_beats) + np.abs(rng.normal(0.0, 0.04, frames))
    bar = 0.5 * np.pi * beat
    return np.stack(
        (
            ENERGY * np.maximum(energy, 0.0),
            _freq(rng, score),
            JERK * jerk,
            HIP * swing * (np.sin(np.pi * beat) + BAR_SWING * np.sin(bar)),
            HIP * swing * (np.cos(2.0 * np.pi * beat) + BAR_SWING * np.cos(bar)),
            np.clip(0.85 - 0.4 * effort + ornstein_uhlenbeck(rng, frames, 6.0, 0.15), 0.0, 1.0),
        ),
        axis=1,
    )


def _hits(rng: np.random.Generator, beat: Array, jitter: float) -> Array:
    """[T] sum of the bumps: each hit of each beat early or late by its own jitter, some left out."""
    first, count = int(np.floor(beat[0])) - 1, int(np.ceil(beat[-1] - beat[0])) + 4
    total = np.zeros(len(beat))
    for phase, strength in HITS:
        early = rng.normal(0.0, jitter, count)
        strengths = strength * (rng.random(count) >= DROPPED)
        nearest = np.round(beat - phase).astype(np.int64)
        if phase == 0.0:
            strengths[(np.arange(count) + first) % 4 == 0] *= ACCENT
        off = beat - phase - nearest - early[nearest - first]
        total += strengths[nearest - first] * np.exp(-0.5 * (off / HIT_WIDTH) ** 2)
    return total


def _freq(rng: np.random.Generator, score: Score) -> Array:
    """[T] Hz: the beat, or half of it in calm sections; late like a tracker, and as unsteady."""
    share = np.where(score.level < HALF_TIME_BELOW, 0.5, 1.0)
    return low_pass(score.beats_per_s * share, FREQ_S) * (1.0 + 0.02 * np.clip(rng.normal(size=len(share)), -4.0, 4.0))
