"""The music: a tempo that breathes, and sections whose level is what the frame calls context."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from choreo_pipelines.generator.noise import Array, ornstein_uhlenbeck
from choreo_pipelines.generator.settings import HZ

LEVELS: Final = (0.15, 0.4, 0.65, 0.9)
SECTION_BEATS: Final = (16, 32)  # four or eight bars
BREATH: Final = 0.01  # relative standard deviation of the tempo
BREATH_S: Final = 20.0


@dataclass(frozen=True, slots=True, eq=False)
class Score:
    """One piece, frame by frame."""

    bpm: float  # its mean tempo
    beats: Array  # [T] musical position in beats, 0 at the first frame, strictly rising
    beats_per_s: Array  # [T]
    level: Array  # [T] of LEVELS

    @property
    def phase(self) -> Array:
        """[T] 0..1 within the beat, 1 excluded."""
        return np.mod(self.beats, 1.0)

    @property
    def beat_idx(self) -> Array:
        """[T] 0..3 within the bar."""
        return np.mod(np.floor(self.beats), 4.0)


def compose(rng: np.random.Generator, frames: int, bpm: tuple[float, float]) -> Score:
    """A piece of `frames` frames in a tempo drawn from `bpm`."""
    mean_bpm = float(rng.uniform(*bpm))
    beats_per_s = mean_bpm / 60.0 * (1.0 + BREATH * ornstein_uhlenbeck(rng, frames, BREATH_S, 1.0))
    beats = np.concatenate(([0.0], np.cumsum(beats_per_s[:-1]) / HZ))
    starts, levels = _sections(rng, float(beats[-1]))
    return Score(mean_bpm, beats, beats_per_s, levels[np.searchsorted(starts, beats, side="right") - 1])


def _sections(rng: np.random.Generator, end: float) -> tuple[Array, Array]:
    """(first beat, level) of each section. Neighbours differ; the first is short, so that every session has two."""
    starts, levels = [0.0], [float(rng.choice(LEVELS))]
    length = SECTION_BEATS[0]
    while starts[-1] + length <= end:
        starts.append(starts[-1] + length)
        levels.append(float(rng.choice([level for level in LEVELS if level != levels[-1]])))
        length = int(rng.choice(SECTION_BEATS))
    return np.array(starts), np.array(levels)
