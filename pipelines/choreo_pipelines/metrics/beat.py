"""Musical position: the frames' sawtooth phase as beats that only grow, and what follows from it."""

from __future__ import annotations

import itertools
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from choreo_pipelines.metrics.series import Floats, Ints, same_length, sensor_series

BEATS_PER_BAR: Final = 4
STILL_FRAMES: Final = 25  # a phase unchanged for so long is a transport that stands, not a beat
BACKWARD_BEATS: Final = 0.02  # a larger step back is a jump, not rounding
ROUNDING_BEATS: Final = 1e-6  # sums of beat counts may miss their own frame by less than this
WHOLE_BAR_BEATS: Final = 3.5  # a bar seen for less than this is not averaged


def beat_position(beat_phase: ArrayLike | None, beat_idx: ArrayLike | None = None) -> Floats:
    """Beats since the first bar line [n], NaN where no beat runs; empty without a beat.

    `beat_phase` [n] is in cycles 0..1, anything else is unknown; `beat_idx` [n] is the beat in the bar, without it
    bars are any four beats. After a gap, a stand-still (as an absent beat that keeps its last value) or a jump the
    count goes on at least a bar later, so no bar and no horizon ever bridges it.
    """
    phase, index = sensor_series(beat_phase), sensor_series(beat_idx)
    same_length(phase, index)
    phase[~((phase >= 0) & (phase <= 1))] = np.nan
    phase[_standing(phase)] = np.nan
    position = np.full(len(phase), np.nan)
    bar = 0
    for run in _runs(phase):
        beats = np.unwrap(phase[run], period=1.0)
        beats -= np.floor(beats[0])
        beats += _first_beat(beats, index[run]) if index.size else 0
        position[run] = beats + bar * BEATS_PER_BAR
        bar = int(np.floor(position[run][-1] / BEATS_PER_BAR)) + 2
    return position


def beats_per_second(position: Floats, hz: float) -> float:
    """Mean tempo over all frames with a beat, NaN without one."""
    steps = np.diff(position)
    steps = steps[np.isfinite(steps) & (np.abs(steps) < 0.5)]
    return float(steps.mean() * hz) if steps.size and steps.mean() > 0 else float("nan")


def index_at(position: Floats, wanted: Floats) -> Ints:
    """First frame at which the count reaches each of `wanted` [n] beats; -1 where no frame does (end, gap, NaN)."""
    known = np.flatnonzero(np.isfinite(position))
    found = np.full(len(wanted), -1, np.int64)
    if known.size < 2:
        return found
    beats = np.maximum.accumulate(position[known])
    tolerance = 2 * float(np.median(np.diff(beats)))
    at = np.searchsorted(beats, wanted - ROUNDING_BEATS)  # NaN sorts last, behind every frame
    inside = at < known.size
    at = np.minimum(at, known.size - 1)
    near = inside & (beats[at] - wanted <= tolerance) & (wanted >= beats[0] - ROUNDING_BEATS)
    found[near] = known[at[near]]
    return found


def bar_means(position: Floats, *columns: Floats) -> Floats:
    """Mean of each column over each whole bar, [len(columns), bars]; bars that lack a column's values are left out."""
    bars = np.floor(position / BEATS_PER_BAR)
    rows = []
    for bar in np.unique(bars[np.isfinite(bars)]):
        frames = bars == bar
        if np.ptp(position[frames]) < WHOLE_BAR_BEATS:
            continue
        inside = [column[frames] for column in columns]
        if all(np.isfinite(values).mean() >= 0.5 for values in inside):
            rows.append([float(np.nanmean(values)) for values in inside])
    return np.array(rows, np.float64).reshape(-1, len(columns)).T


def _standing(phase: Floats) -> NDArray[np.bool_]:
    """Frames inside a stretch of STILL_FRAMES or more without any movement."""
    edges = np.flatnonzero(np.diff(phase, prepend=np.nan, append=np.nan) != 0)  # NaN differs from everything
    lengths = np.diff(edges)
    mask: NDArray[np.bool_] = np.repeat(lengths >= STILL_FRAMES, lengths)
    return mask


def _runs(phase: Floats) -> list[slice]:
    """Stretches in which the beat is known and moves on without a jump back."""
    steps = (np.diff(phase) + 0.5) % 1.0 - 0.5
    breaks = np.flatnonzero(~(steps >= -BACKWARD_BEATS)) + 1
    ends = [0, *breaks.tolist(), len(phase)]
    pieces = [slice(a, b) for a, b in itertools.pairwise(ends) if b > a]
    return [piece for piece in pieces if np.isfinite(phase[piece.start])]


def _first_beat(beats: Floats, index: Floats) -> int:
    """Beat of the bar on which a run starts, by majority: one frame whose index lags its phase must not shift bars."""
    known = np.isfinite(index)
    if not known.any():
        return 0
    offsets = (index[known] - np.floor(beats[known])).astype(np.int64) % BEATS_PER_BAR
    return int(np.bincount(offsets).argmax())
