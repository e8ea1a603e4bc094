"""Does a control peak on the beat? Signed coherence C0, because the resultant length R1 cannot see latency."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from choreo_pipelines.metrics.beat import BEATS_PER_BAR, beats_per_second
from choreo_pipelines.metrics.peaks import control_peaks
from choreo_pipelines.metrics.result import Result, Verdict, failed, judge, not_computable
from choreo_pipelines.metrics.series import (
    LOWEST_HZ,
    MIN_RANGE,
    Floats,
    same_length,
    series,
    used_range,
    why_sensor_unusable,
    why_sent_unusable,
)

MIN_PEAKS: Final = 60  # 95 % of random C0 lie below 0.15 from here on
MIN_C0: Final = 0.6
MIN_C0_LOW: Final = 0.55
RESAMPLES: Final = 2000


@dataclass(frozen=True, slots=True)
class PhaseCoherence(Result):
    """Phases phi of the control's N peaks, in cycles of the beat the audio uses; z_k = mean exp(2 pi i k phi).

    Source: V-test with specified direction 0 (Greenwood & Durand 1955; Zar, Biostatistical Analysis, ch. 27).
    """

    verdict: Verdict  # pass: N >= 60, C0 >= 0.6 and its interval above 0.55
    n_peaks: int
    used_range: float | None = None  # p95 - p5 of the control
    c0: float | None = None  # Re z_1 = mean cos(2 pi phi): 1 on the beat, 0 by chance, -1 on the off-beat
    c0_low: float | None = None  # 95 % interval by bootstrap over bars: peaks of one bar aren't independent
    c0_high: float | None = None
    c0_chance: float | None = None  # 95 % of random C0 lie below 1.645 / sqrt(2 N)
    v_p: float | None = None  # P(C0 this large by chance) = 1 - Phi(C0 sqrt(2 N))
    r1: float | None = None  # |z_1|: blind to a constant delay, never gated
    r1_chance: float | None = None  # 95 % of random R1 lie below sqrt(-ln(0.05) / N)
    rayleigh_p: float | None = None  # exp(-N R1^2)
    r2: float | None = None  # |z_2|: for controls that peak twice per beat, where R1 is 0 by symmetry
    c2: float | None = None  # Re z_2: as R2, but sees a delay
    mean_ms: float | None = None  # arg z_1 as time: how late the peaks are
    bpm: float | None = None


def phase_coherence(
    control: ArrayLike | None, position: Floats, hz: float, *, name: str = "density", seed: int = 0
) -> PhaseCoherence:
    """Coherence of the control as it was sent [n] with the beat count [n] of `beat_position`, at `hz` frames/s.

    Peaks without a known beat are left out. ValueError when the lengths differ; any take gives an answer.
    """
    sent = series(control)
    same_length(sent, position)
    reason = why_sent_unusable(name, sent) or why_sensor_unusable("running beat", position)
    if reason or hz < LOWEST_HZ:
        return PhaseCoherence(not_computable(reason or f"{hz:g} frames/s; {LOWEST_HZ:g} are needed"), 0)
    spread = used_range(sent)
    if spread < MIN_RANGE:
        return PhaseCoherence(failed(f"{name} stands still: p95 - p5 is {spread:.3f}, below {MIN_RANGE}"), 0, spread)
    at = position[control_peaks(sent, hz)]
    at = at[np.isfinite(at)]
    if not at.size:
        return PhaseCoherence(failed(f"{name} has no peak where the beat is known"), 0, spread)
    return _coherence(at, spread, beats_per_second(position, hz), np.random.default_rng(seed))


def _coherence(at: Floats, spread: float, tempo: float, rng: np.random.Generator) -> PhaseCoherence:
    """From the beat counts [N] at the peaks, and the tempo in beats/s."""
    n = len(at)
    first, second = (complex(np.exp(2j * np.pi * k * at).mean()) for k in (1, 2))
    low, high = _bar_interval(at, rng)
    return PhaseCoherence(
        judge(
            (n >= MIN_PEAKS, f"{n} peaks; below {MIN_PEAKS} chance alone gives large values"),
            (first.real >= MIN_C0, f"C0 is {first.real:.2f}, below {MIN_C0}"),
            (low >= MIN_C0_LOW, f"the 95 % interval of C0 starts at {low:.2f}, below {MIN_C0_LOW}"),
        ),
        n,
        spread,
        c0=first.real,
        c0_low=low,
        c0_high=high,
        c0_chance=1.645 / math.sqrt(2 * n),
        v_p=0.5 * math.erfc(first.real * math.sqrt(n)),
        r1=abs(first),
        r1_chance=math.sqrt(-math.log(0.05) / n),
        rayleigh_p=math.exp(-n * abs(first) ** 2),
        r2=abs(second),
        c2=second.real,
        mean_ms=math.atan2(first.imag, first.real) / (2 * math.pi) / tempo * 1e3,
        bpm=60 * tempo,
    )


def _bar_interval(at: Floats, rng: np.random.Generator) -> tuple[float, float]:
    """2.5th and 97.5th percentile of C0 when whole bars are drawn with replacement."""
    _, bar = np.unique(np.floor(at / BEATS_PER_BAR), return_inverse=True)
    counts = np.bincount(bar)
    cosines = np.bincount(bar, weights=np.cos(2 * np.pi * at))
    drawn = rng.multinomial(len(counts), np.full(len(counts), 1 / len(counts)), size=RESAMPLES)
    low, high = np.percentile((drawn @ cosines) / (drawn @ counts), (2.5, 97.5))
    return float(low), float(high)
