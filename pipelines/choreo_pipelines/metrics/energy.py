"""Does the music's density follow the body's energy? Per frame, and per bar, where a clock gives itself away."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from choreo_pipelines.metrics.beat import BEATS_PER_BAR, bar_means, beats_per_second
from choreo_pipelines.metrics.result import Result, Verdict, failed, judge, not_computable
from choreo_pipelines.metrics.series import (
    LOWEST_HZ,
    MIN_RANGE,
    Floats,
    same_length,
    sensor_series,
    series,
    used_range,
    why_sensor_unusable,
    why_sent_unusable,
)

MAX_LAG_S: Final = 0.1
MIN_SHIFT_S: Final = 5.0
MIN_SHIFTS: Final = 200  # of frames; their 95th percentile is then set by ten or more
MIN_BARS: Final = 16
MIN_R: Final = 0.6


@dataclass(frozen=True, slots=True)
class EnergyCorrelation(Result):
    """r(lag) = Pearson(motion_energy(t), density(t + lag)), taken at its maximum over +-100 ms.

    Null distribution: the same maximum for every circular shift of 5 s or more, which keeps both signals' own slow
    sections and beat ripple and destroys only what they share (Theiler et al. 1992, surrogate data).
    """

    verdict: Verdict  # pass: r >= 0.6 and > null95, the same for the bars, and the lag inside the search
    r: float | None = None
    lag_ms: float | None = None  # + = density is late; at +-100 ms the true maximum lies outside
    null95: float | None = None  # 95th percentile of the null distribution of r
    bar_r: float | None = None  # Pearson of bar means: without the beat ripple that lets a clock look energetic
    bar_null95: float | None = None
    bars: int = 0
    coverage: float = 0.0  # share of the take in which motion_energy is known


def energy_correlation(
    motion_energy: ArrayLike | None, density: ArrayLike | None, position: Floats, hz: float
) -> EnergyCorrelation:
    """Correlation of the body's energy [n] with the density as sent [n]; `position` [n] from `beat_position`.

    Frames without motion are left out. Without a beat the bars are missing, and so is a passing verdict: r alone
    doesn't tell a body from a clock. ValueError when the lengths differ; any take gives an answer.
    """
    body, sent = sensor_series(motion_energy), series(density)
    same_length(body, sent, position)
    if reason := _why_not(body, sent, hz):
        return EnergyCorrelation(not_computable(reason))
    coverage = float(np.isfinite(body).mean())
    if used_range(sent) < MIN_RANGE:
        still = f"density stands still: p95 - p5 is {used_range(sent):.3f}, below {MIN_RANGE}"
        return EnergyCorrelation(failed(still), coverage=coverage)
    r, lag, null95 = _frame_level(body, sent, hz)
    bar_r, bar_null95, bars = _bar_level(body, sent, position, hz)
    edge = round(MAX_LAG_S * hz)
    verdict = judge(
        (r >= MIN_R, f"r is {r:.2f}, below {MIN_R}"),
        (r > null95, f"r is {r:.2f}, not above the {null95:.2f} that chance reaches"),
        (abs(lag) < edge, f"the best lag lies at the edge of the search, {lag / hz * 1e3:+.0f} ms"),
        (bar_r is None or bar_r >= MIN_R, f"bar-averaged r is {bar_r or 0:.2f}, below {MIN_R}"),
        (bar_r is None or bar_r > (bar_null95 or 0), f"bar-averaged r is not above its chance {bar_null95 or 0:.2f}"),
    )
    if verdict.passed and bar_r is None:
        verdict = not_computable(f"{bars} whole bars with a beat; {MIN_BARS} are needed to tell a body from a clock")
    return EnergyCorrelation(verdict, r, lag / hz * 1e3, null95, bar_r, bar_null95, bars, coverage)


def _why_not(body: Floats, sent: Floats, hz: float) -> str:
    if reason := why_sent_unusable("density", sent) or why_sensor_unusable("motion_energy", body):
        return reason
    if hz < LOWEST_HZ:
        return f"{hz:g} frames/s; {LOWEST_HZ:g} are needed"
    if np.nanstd(body) <= 1e-9:
        return "motion_energy never changes"
    if len(body) - 2 * MIN_SHIFT_S * hz < MIN_SHIFTS:
        return f"{len(body) / hz:.0f} s are too short for {MIN_SHIFTS} shifts of {MIN_SHIFT_S:g} s or more"
    return ""


def _frame_level(body: Floats, sent: Floats, hz: float) -> tuple[float, int, float]:
    """Best correlation, its lag in frames, and the 95th percentile of the same search after a circular shift."""
    reach = round(MAX_LAG_S * hz)
    padding = np.full(reach, np.nan)  # so that the take itself doesn't wrap around
    padded = _pearson_by_shift(np.append(body, padding), np.append(sent, padding))
    near = padded[np.arange(-reach, reach + 1)]
    wrapped = _pearson_by_shift(body, sent)
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(wrapped, reach, mode="wrap"), 2 * reach + 1)
    apart = math.ceil(MIN_SHIFT_S * hz)
    null = windows.max(axis=1)[apart : len(body) - apart + 1]
    # With flat tops the smallest delay is meant, hence the tie-break by distance from zero.
    lags = np.arange(-reach, reach + 1)
    best = lags[np.lexsort((np.abs(lags), -near))[0]]
    return float(near.max()), int(best), float(np.percentile(null, 95))


def _bar_level(body: Floats, sent: Floats, position: Floats, hz: float) -> tuple[float | None, float | None, int]:
    means = bar_means(position, body, sent)
    bars = means.shape[1]
    if bars < MIN_BARS or means.std(axis=1).min() <= 1e-9:
        return (None, None, bars) if bars < MIN_BARS else (0.0, 0.0, bars)
    shifted = _pearson_by_shift(means[0], means[1])
    apart = math.ceil(MIN_SHIFT_S * beats_per_second(position, hz) / BEATS_PER_BAR)
    null = shifted[apart : bars - apart + 1]
    return float(shifted[0]), float(np.percentile(null, 95)), bars


def _pearson_by_shift(x: Floats, y: Floats) -> Floats:
    """Pearson of x(t) with y(t + s) for every circular shift s, over the pairs in which both are finite, [n].

    Each of the six sums is a circular cross-correlation, so all shifts cost a few Fourier transforms.
    """
    known_x, known_y = (np.isfinite(v).astype(np.float64) for v in (x, y))
    x, y = (np.where(known > 0, v - np.nanmean(v), 0.0) for v, known in ((x, known_x), (y, known_y)))
    fx, fxx, fkx = (np.conj(np.fft.rfft(v)) for v in (x, x * x, known_x))
    fy, fyy, fky = (np.fft.rfft(v) for v in (y, y * y, known_y))
    pairs, sx, sy, sxx, syy, sxy = (
        np.fft.irfft(f, len(x)) for f in (fkx * fky, fx * fky, fkx * fy, fxx * fky, fkx * fyy, fx * fy)
    )
    pairs = np.maximum(pairs, 1.0)
    spread = np.maximum(sxx - sx**2 / pairs, 0.0) * np.maximum(syy - sy**2 / pairs, 0.0)
    scale = float((x @ x) * (y @ y))
    # Below this the transforms' own rounding would be called a correlation.
    safe = spread > 1e-16 * scale
    return np.where(safe, np.clip((sxy - sx * sy / pairs) / np.sqrt(np.where(safe, spread, 1.0)), -1, 1), 0.0)
