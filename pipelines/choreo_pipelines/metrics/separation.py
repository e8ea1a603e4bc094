"""Is it the dancer who plays, or the clock? A take beside the same mapper with another body, and beside a clock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from numpy.typing import ArrayLike

from choreo_pipelines.metrics.energy import EnergyCorrelation, energy_correlation
from choreo_pipelines.metrics.phase import MIN_PEAKS, PhaseCoherence, phase_coherence
from choreo_pipelines.metrics.result import Result, Verdict, judge, not_computable
from choreo_pipelines.metrics.series import Floats

MAX_SWAPPED_C0: Final = 0.35
SWAPPED_MARGIN: Final = 0.05  # a foreign body may exceed its chance value by this much


@dataclass(frozen=True, slots=True)
class Reading(Result):
    """One density track against one body and one beat."""

    phase: PhaseCoherence
    energy: EnergyCorrelation


@dataclass(frozen=True, slots=True)
class Separation(Result):
    """What remains of the numbers when the body is another one's: coherence must fall and correlation vanish."""

    verdict: Verdict  # pass: swapped C0 <= 0.35, swapped r and bar r <= null95 + 0.05, r above the clock's
    c0: float | None = None
    c0_swapped: float | None = None
    r: float | None = None
    r_swapped: float | None = None
    r_clock: float | None = None
    bar_r: float | None = None
    bar_r_swapped: float | None = None
    bar_r_clock: float | None = None


def read_density(
    motion_energy: ArrayLike | None, density: ArrayLike | None, position: Floats, hz: float, *, seed: int = 0
) -> Reading:
    """Both readings of a density as sent [n] against the take's own motion [n] and beat [n]."""
    phase = phase_coherence(density, position, hz, seed=seed)
    return Reading(phase, energy_correlation(motion_energy, density, position, hz))


def separation(take: Reading, swapped: Reading, clock: Reading) -> Separation:
    """Compare a take with `swapped`, the mapper's density for another body, and with `clock`, a clock-only density.

    All three are read against the take's own motion and beat.
    """
    c0 = (take.phase.c0, swapped.phase.c0)
    r = (take.energy.r, swapped.energy.r, clock.energy.r)
    bar_r = (take.energy.bar_r, swapped.energy.bar_r, clock.energy.bar_r)
    return Separation(_judge(take, swapped, clock), *c0, *r, *bar_r)


def _judge(take: Reading, swapped: Reading, clock: Reading) -> Verdict:
    for name, reading in (("take", take), ("swapped body", swapped)):
        for metric in (reading.phase, reading.energy):
            # A failed gate still has its numbers; only a missing number leaves nothing to compare.
            if (metric.c0 if isinstance(metric, PhaseCoherence) else metric.bar_r) is None:
                return not_computable(f"{name}: {metric.verdict.reason}")
    if swapped.phase.n_peaks < MIN_PEAKS:
        return not_computable(f"swapped body: {swapped.phase.n_peaks} peaks, {MIN_PEAKS} are needed")
    if clock.energy.r is None:
        return not_computable(f"clock: {clock.energy.verdict.reason}")
    other = swapped.energy
    c0, r, bar_r = swapped.phase.c0 or 0.0, other.r or 0.0, other.bar_r or 0.0
    limit, bar_limit = (other.null95 or 0.0) + SWAPPED_MARGIN, (other.bar_null95 or 0.0) + SWAPPED_MARGIN
    own = take.energy.r or 0.0
    return judge(
        (c0 <= MAX_SWAPPED_C0, f"another body still gives C0 {c0:.2f}, above {MAX_SWAPPED_C0}: the clock plays"),
        (r <= limit, f"another body still gives r {r:.2f}, above its chance {limit:.2f}"),
        (bar_r <= bar_limit, f"another body still gives bar-averaged r {bar_r:.2f}, above its chance {bar_limit:.2f}"),
        (own > clock.energy.r, f"r is {own:.2f}, not above a clock's {clock.energy.r:.2f}"),
    )
