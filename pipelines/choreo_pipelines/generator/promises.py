"""What the generator promises of every session, measured on the columns as they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from choreo_pipelines.generator.noise import Array
from choreo_pipelines.generator.session import Synthetic
from choreo_pipelines.generator.settings import BOUNDS, HZ
from choreo_service.packets import FEATURE_COLUMNS

TAU_TOLERANCE_S: Final = 0.3
COHERENT: Final = 0.8  # doubled-phase resultant of the jerk peaks, at least
SHUFFLED: Final = 0.1  # the same with phases of random frames, at most
ENOUGH_PEAKS: Final = 120  # fewer have a shuffled resultant near 0.1 by chance alone


@dataclass(frozen=True, slots=True)
class Promise:
    """One promise and what was found. `kept` is None where it can't be measured; `found` then says why."""

    name: str
    kept: bool | None
    expected: str
    found: str


def check(features: NDArray[Any], truth: Synthetic) -> list[Promise]:
    """Measure `features` [T, 11] against what the session `truth` should hold.

    Bounds, NaN, jerk and context are measured on the columns alone; for the heart the hidden target is needed.
    """
    return [
        _same(features, truth),
        _finite(features),
        _bounded(features),
        _on_the_beat(features),
        _time_constant(features, truth),
        _sections(features),
    ]


def fit_tau_s(hr: Array, target: Array) -> float:
    """Time constant in s by regression of dHR/dt on (target - HR), both [T] at HZ; infinite for a heart that is still.

    A cross-correlation peak would say 2.0-2.2 s for tau = 3 s: it measures another quantity.
    """
    away = (target - hr)[:-1]
    gain = float(away @ np.diff(hr)) * HZ / float(away @ away)
    return 1.0 / gain if gain > 0 else np.inf


def peaks(x: Array, *, apart_s: float = 0.15) -> NDArray[np.int64]:
    """Frames where `x` [T] is the largest within +-apart_s, and at least half of its 95 % quantile."""
    reach = round(apart_s * HZ)
    padded = np.pad(x, reach, constant_values=-np.inf)
    largest = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1).max(axis=1)
    return np.flatnonzero((x == largest) & (x >= 0.5 * np.quantile(x, 0.95)))


def resultant(phase: Array, harmonic: int) -> float:
    """Length 0..1 of the mean direction of `phase` (cycles) times `harmonic`; 0 for no phase at all."""
    return float(np.abs(np.exp(2j * np.pi * harmonic * phase).mean())) if len(phase) else 0.0


def _column(features: NDArray[Any], name: str) -> Array:
    return np.asarray(features[:, FEATURE_COLUMNS.index(name)], np.float64)


def _same(features: NDArray[Any], truth: Synthetic) -> Promise:
    # Another machine's exp() may differ in the last bit, an edited take differs in more.
    same = features.shape == truth.features.shape and np.allclose(features, truth.features, rtol=1e-4, atol=1e-4)
    found = "every value" if same else "values its seed does not give"
    return Promise("reproducible", same, f"what seed {truth.seed} gives", found)


def _finite(features: NDArray[Any]) -> Promise:
    bad = int((~np.isfinite(features)).sum())
    return Promise("finite", bad == 0, "no NaN, no infinity", f"{bad} of {features.size} values")


def _bounded(features: NDArray[Any]) -> Promise:
    out = [
        f"{name} {column.min():.4g}..{column.max():.4g} beyond {lo:g}..{hi:g}"
        for (name, (lo, hi)), column in zip(BOUNDS.items(), features.T, strict=True)
        if not bool(((column >= lo) & (column <= hi)).all())
    ]
    if _column(features, "beat_phase").max() >= 1.0:
        out.append("beat_phase reaches 1")
    return Promise("in bounds", not out, f"{len(BOUNDS)} columns", "; ".join(out) or "all")


def _on_the_beat(features: NDArray[Any]) -> Promise:
    phase = _column(features, "beat_phase")
    at = peaks(_column(features, "jerk"))
    expected = f"R2 >= {COHERENT:g}, shuffled <= {SHUFFLED:g}"
    if len(at) < ENOUGH_PEAKS:
        return Promise("jerk on the beat", None, expected, f"{len(at)} peaks; {ENOUGH_PEAKS} or more are needed")
    coherent = resultant(phase[at], 2)
    rng = np.random.default_rng(0)  # the same report for the same take
    shuffled = float(np.mean([resultant(rng.choice(phase, len(at)), 2) for _ in range(20)]))
    found = f"R2 {coherent:.3f}, shuffled {shuffled:.3f}, {len(at)} peaks"
    return Promise("jerk on the beat", coherent >= COHERENT and shuffled <= SHUFFLED, expected, found)


def _time_constant(features: NDArray[Any], truth: Synthetic) -> Promise:
    tau_s = truth.settings.tau_s
    expected = f"tau {tau_s:g} +- {TAU_TOLERANCE_S:g} s"
    if truth.settings.hr_mode != "clean":
        return Promise("heart's lag", None, expected, "not measurable through a strap: rounding biases the regression")
    if len(features) != len(truth.target_bpm):
        return Promise("heart's lag", None, expected, f"{len(features)} frames, expected {len(truth.target_bpm)}")
    fitted = fit_tau_s(_column(features, "hr"), truth.target_bpm)
    return Promise("heart's lag", abs(fitted - tau_s) <= TAU_TOLERANCE_S, expected, f"tau {fitted:.2f} s")


def _sections(features: NDArray[Any]) -> Promise:
    context = _column(features, "context")
    levels = context[np.concatenate(([0], np.flatnonzero(np.diff(context)) + 1))]
    found = f"{len(levels)} sections, sd {context.std():.3f}"
    return Promise("context varies", bool(context.std() > 0), "at least two levels", found)
