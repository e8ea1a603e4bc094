"""First-order recursions over frames at HZ: the low-pass and the Ornstein-Uhlenbeck process everything else uses."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from choreo_pipelines.generator.settings import HZ

Array = NDArray[np.float64]


def low_pass(x: Array, tau_s: float) -> Array:
    """One-pole low-pass of `x` [T], starting settled at x[0]: y' = (x - y) / tau, exact for x constant in a frame.

    The value of frame i has heard x up to frame i - 1, so y answers to a step no earlier than one frame later.
    """
    keep = math.exp(-1.0 / (HZ * tau_s))
    return _scan((1.0 - keep) * x, keep, float(x[0]))


def ornstein_uhlenbeck(rng: np.random.Generator, frames: int, tau_s: float, sd: float) -> Array:
    """[frames] of stationary noise with mean 0, standard deviation `sd` and correlation time `tau_s`."""
    keep = math.exp(-1.0 / (HZ * tau_s))
    return _scan(sd * math.sqrt(1.0 - keep * keep) * rng.normal(size=frames), keep, float(rng.normal(0.0, sd)))


def _scan(driven: Array, keep: float, start: float) -> Array:
    """y[0] = start, y[i + 1] = keep * y[i] + driven[i]. A loop over floats: 9000 frames cost a millisecond."""
    y = start
    out = [y]
    for step in driven[:-1].tolist():
        y = keep * y + step
        out.append(y)
    return np.array(out)
