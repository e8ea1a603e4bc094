"""What a figure is to the page: the drawing, its words, its numbers; and the steps in which long takes are drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from choreo_pipelines.metrics.series import Floats

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STEPS: Final = 600  # of time across a figure; more than a page's width can show


@dataclass(frozen=True, slots=True, eq=False)
class Drawing:
    """One figure. `figure` is None when the take lacks what it would show; `missing` then says why."""

    name: str  # of its files
    title: str
    caption: str  # what is seen, for people who look
    alt: str  # what it shows, for people who can't
    figure: Figure | None = None
    missing: str = ""
    data: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)  # for the caption's file: n, window, statistics


@dataclass(frozen=True, slots=True, eq=False)
class Steps:
    """A track in at most STEPS steps of time: every frame counts, so that no spike disappears by thinning."""

    t_s: Floats  # [n] middle of each step
    low: Floats
    mean: Floats
    high: Floats

    @classmethod
    def of(cls, track: Floats, hz: float, least_s: float = 0.0) -> Self:
        """In steps of at least `least_s`; NaN in those without a finite value."""
        most = len(track) if least_s <= 0 else max(2, round(len(track) / hz / least_s))
        edges = np.unique(np.linspace(0, len(track), min(STEPS, len(track), most) + 1).astype(np.int64))
        finite = np.isfinite(track)
        count = np.add.reduceat(finite.astype(np.float64), edges[:-1])
        total = np.add.reduceat(np.where(finite, track, 0.0), edges[:-1])
        return cls(
            t_s=(edges[:-1] + edges[1:] - 1) / 2 / hz,
            low=np.fmin.reduceat(track, edges[:-1]),
            mean=np.where(count > 0, total / np.maximum(count, 1.0), np.nan),
            high=np.fmax.reduceat(track, edges[:-1]),
        )


def spans_s(mask: NDArray[np.bool_], hz: float) -> list[tuple[float, float]]:
    """[from, to) in seconds of every stretch in which `mask` [n] holds."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], mask, [False])).astype(np.int8)))
    return [(float(a) / hz, float(b) / hz) for a, b in edges.reshape(-1, 2)]
