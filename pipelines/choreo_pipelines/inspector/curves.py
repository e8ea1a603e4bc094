"""The numbers behind the figures: whatever is drawn is computed here, and written beside the drawing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from choreo_pipelines.inspector.source import Features

Array = NDArray[np.float64]

BINS: Final = 600  # of the overview: what a figure's width can show
WINDOW_S: Final = 8.0
HISTOGRAM_BINS: Final = 60


@dataclass(frozen=True, slots=True, eq=False)
class Overview:
    """The whole take in at most BINS steps of time. NaN where nothing was present."""

    t_s: Array  # [n] middle of each step
    energy_low: Array  # m/s^2, smallest, mean and largest of the step
    energy: Array
    energy_high: Array
    hr: Array  # bpm, mean
    context: Array  # 0..1, of its first frame: a mean would invent levels


def overview(features: Features) -> Overview:
    """Every frame counts: the extremes of a step are kept, so that no spike disappears by thinning."""
    edges = np.unique(np.linspace(0, len(features.t_s), min(BINS, len(features.t_s)) + 1).astype(np.int64))
    energy = features.column("motion_energy")
    return Overview(
        t_s=_mean(features.t_s, edges),
        energy_low=np.fmin.reduceat(energy, edges[:-1]),
        energy=_mean(energy, edges),
        energy_high=np.fmax.reduceat(energy, edges[:-1]),
        hr=_mean(features.column("hr"), edges),
        context=features.column("context")[edges[:-1]],
    )


def window(features: Features, seconds: float = WINDOW_S) -> slice:
    """The frames of the liveliest `seconds`: where the most motion energy is, or the first where none is."""
    frames = max(2, int(np.searchsorted(features.t_s, features.t_s[0] + seconds)))
    energy = np.nan_to_num(features.column("motion_energy"), posinf=0.0, neginf=0.0)
    if len(energy) <= frames:
        return slice(0, len(energy))
    total = np.concatenate(([0.0], np.cumsum(energy)))
    first = int(np.argmax(total[frames:] - total[:-frames]))
    return slice(first, first + frames)


def histogram(features: Features, name: str) -> tuple[Array, Array]:
    """(edges [n + 1], share of the present values in each [n]); the outermost 0.1 % are gathered in the end bins."""
    values = features.column(name)
    values = values[np.isfinite(values)]
    if not values.size:
        return np.array([0.0, 1.0]), np.zeros(1)
    if name == "beat_idx":
        edges = np.arange(values.min() - 0.5, values.max() + 1.0)
    else:
        lo, hi = np.quantile(values, (0.001, 0.999))
        lo, hi = (lo, hi) if hi > lo else (lo - 0.5, lo + 0.5)
        edges = np.linspace(lo, hi, HISTOGRAM_BINS + 1)
    counts, _ = np.histogram(np.clip(values, edges[0], edges[-1]), edges)
    return edges, counts / values.size


def _mean(x: Array, edges: NDArray[np.int64]) -> Array:
    """Mean of the finite values of each step, NaN for a step without any."""
    finite = np.isfinite(x)
    count = np.add.reduceat(finite.astype(np.float64), edges[:-1])
    total = np.add.reduceat(np.where(finite, x, 0.0), edges[:-1])
    return np.where(count > 0, total / np.maximum(count, 1.0), np.nan)
