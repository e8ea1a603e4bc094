"""The columns of a take as metrics need them: one even grid, and which part of it is known."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MIN_COVERAGE: Final = 0.5  # share of a take in which a sensor's column must be known
MIN_RANGE: Final = 0.02  # p95 - p5 below which a control counts as standing still
LOWEST_HZ: Final = 10.0  # below this one frame is coarser than the 100 ms the gates speak about


def series(values: ArrayLike | None) -> Floats:
    """A column [n] as float64; an absent one is empty. ValueError if it isn't one-dimensional."""
    column = np.zeros(0) if values is None else np.asarray(values, np.float64)
    if column.ndim != 1:
        raise ValueError(f"one column [n] expected, got shape {column.shape}")
    return column


def sensor_series(values: ArrayLike | None) -> Floats:
    """A sensor's column [n]: whatever is not finite was not measured, so it becomes NaN."""
    column = series(values)
    return np.where(np.isfinite(column), column, np.nan)


def tracks(values: ArrayLike | None, names: tuple[str, ...]) -> Floats:
    """Several columns [n, len(names)] as float64; absent ones are empty. ValueError if the width differs."""
    table = np.zeros((0, len(names))) if values is None else np.asarray(values, np.float64)
    if table.ndim != 2 or table.shape[1] != len(names):
        raise ValueError(f"[n, {len(names)}] expected ({', '.join(names)}), got shape {table.shape}")
    return table


def same_length(*columns: Floats) -> None:
    """ValueError unless all columns that are present have one length."""
    lengths = {len(column) for column in columns if len(column)}
    if len(lengths) > 1:
        raise ValueError(f"columns of one take have different lengths: {sorted(lengths)}")


def why_sensor_unusable(name: str, column: Floats) -> str:
    """Empty, or why a sensor's column can't carry a metric: absent, or known in too little of the take."""
    if not np.isfinite(column).any():
        return f"no {name} in this take"
    share = float(np.isfinite(column).mean())
    if share < MIN_COVERAGE:
        return f"{name} is known in {share:.0%} of the frames; {MIN_COVERAGE:.0%} are needed"
    return ""


def why_sent_unusable(name: str, values: Floats) -> str:
    """Empty, or why a control can't carry a metric. What was really sent is finite in every frame."""
    if not values.size:
        return f"no {name} in this take"
    if bad := int((~np.isfinite(values)).sum()):
        return f"{bad} of {values.size} values of {name} are not finite; sent values always are"
    return ""


def used_range(values: Floats) -> float:
    """p95 - p5: what a control uses, blind to rare excursions."""
    low, high = np.percentile(values, (5, 95))
    return float(high - low)


def on_grid(t_ns: ArrayLike, values: ArrayLike, hz: float) -> Floats:
    """A recorded column [n] or table [n, d] on the even grid the metrics expect, starting at the first frame.

    Skipped ticks repeat the frame before them: between two sends a synth holds the last value too.
    """
    times = np.asarray(t_ns, np.int64)
    table = np.asarray(values, np.float64)
    if not times.size:
        return table
    period = 1e9 / hz
    slots = round((int(times[-1]) - int(times[0])) / period) + 1
    # Half a period of tolerance: a frame stamped slightly late still belongs to its own slot.
    due = (times - times[0]) / period - 0.5
    rows: Floats = table[np.searchsorted(due, np.arange(slots), side="right") - 1]
    return rows
