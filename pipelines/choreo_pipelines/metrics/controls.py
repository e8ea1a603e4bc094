"""Control tracks that fake a good number without a body, to be measured beside every take. Positions 0..1, [n]."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from choreo_pipelines.metrics.series import Floats
from choreo_service.packets import FEATURE_COLUMNS, MODALITIES

BODY_COLUMNS: Final = MODALITIES["motion"].columns + MODALITIES["heart"].columns


def clock_only(position: Floats) -> Floats:
    """A track that peaks on every beat and knows no body; at rest, 0.5, where there is no beat."""
    track: Floats = 0.5 + 0.5 * np.nan_to_num(np.cos(2 * np.pi * position))
    return track


def swapped_body(features: ArrayLike, other: ArrayLike) -> Floats:
    """This take's beat and context with another take's motion and heart: [n, 11] in FEATURE_COLUMNS order.

    The caller plays it through the mapper. `other` [m, 11] repeats when shorter; take one at another tempo, or its
    dancer hits these beats too. ValueError for another width or an empty `other`.
    """
    own, theirs = np.array(features, np.float64), np.asarray(other, np.float64)
    for table in (own, theirs):
        if table.ndim != 2 or table.shape[1] != len(FEATURE_COLUMNS) or not len(table):
            raise ValueError(f"[n, {len(FEATURE_COLUMNS)}] expected, got shape {table.shape}")
    body = [FEATURE_COLUMNS.index(name) for name in BODY_COLUMNS]
    own[:, body] = theirs[np.arange(len(own)) % len(theirs)][:, body]
    return own


def shuffled(track: Floats, hz: float, seed: int = 0) -> Floats:
    """The same track cut into pieces of 0.5 to 1.5 s, in random order: same values, no beat and no course."""
    rng = np.random.default_rng(seed)
    lengths = rng.uniform(0.5, 1.5, size=int(len(track) / hz / 0.5) + 1) * hz
    cuts = np.cumsum(lengths).astype(np.int64)
    pieces = np.split(track, cuts[cuts < len(track)])
    return np.concatenate([pieces[k] for k in rng.permutation(len(pieces))])


def constant(n: int, value: float = 0.5) -> Floats:
    return np.full(n, value, np.float64)


def smoothed_noise(n: int, hz: float, seed: int = 0, *, tau_s: float = 0.1) -> Floats:
    """White noise through a one-pole low-pass of `tau_s`, mean 0.5 and deviation 0.15 before clipping."""
    noise = smoothed(np.random.default_rng(seed).standard_normal(n), hz, tau_s)
    spread = float(noise.std())
    track: Floats = np.clip(0.5 + 0.15 * (noise - noise.mean()) / (spread if spread > 0 else 1.0), 0, 1)
    return track


def delayed(track: Floats, hz: float, delay_s: float) -> Floats:
    """The same track `delay_s` later; its first value stands before. Between frames by linear interpolation."""
    frames = np.arange(len(track), dtype=np.float64)
    return np.interp(frames - delay_s * hz, frames, track)


def smoothed(track: Floats, hz: float, tau_s: float) -> Floats:
    """One-pole low-pass started at the first value: what a smoothing of time constant `tau_s` does to a control."""
    keep = float(np.exp(-1 / (hz * tau_s)))
    out, last = np.empty(len(track)), float(track[0]) if len(track) else 0.0
    for k, value in enumerate(track.tolist()):
        last = keep * last + (1 - keep) * value
        out[k] = last
    return out


def stretched(track: Floats, factor: float) -> Floats:
    """The same track as a clock plays it that runs `factor` times as fast, the last value held at the end."""
    frames = np.arange(len(track), dtype=np.float64)
    return np.interp(frames * factor, frames, track)
