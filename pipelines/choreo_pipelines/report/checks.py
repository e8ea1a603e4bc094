"""The gates of a report: what each asks, what it found, and its verdict."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from choreo_pipelines.metrics import Verdict
from choreo_pipelines.metrics.drift import MIN_CCC, MIN_LOOP_RANGE
from choreo_pipelines.metrics.energy import MAX_LAG_S, MIN_R
from choreo_pipelines.metrics.phase import MIN_C0, MIN_C0_LOW, MIN_PEAKS
from choreo_pipelines.metrics.prediction import MIN_GAIN, RIDGE
from choreo_pipelines.metrics.result import Result
from choreo_pipelines.metrics.separation import MAX_SWAPPED_C0, SWAPPED_MARGIN
from choreo_pipelines.metrics.usage import MAX_SATURATED, MIN_USED
from choreo_pipelines.report.measure import HORIZONS, TAKE, Measured
from choreo_pipelines.report.wording import NONE, number, percent, probability


@dataclass(frozen=True, slots=True)
class Check(Result):
    """One gate."""

    name: str
    asks: str  # the question a musician would ask
    gate: str  # the condition, in numbers
    found: str  # the take's own numbers
    verdict: Verdict


def checks(measured: Measured) -> list[Check]:
    """All gates in the order a reader needs them."""
    gates = (_phase, _energy, _separation, _usage, _drift)
    return [*(gate(measured) for gate in gates), *_prediction(measured)]


def _phase(measured: Measured) -> Check:
    phase = measured.readings[TAKE].phase
    found = NONE
    if phase.c0 is not None:
        interval = f"[{number(phase.c0_low)}, {number(phase.c0_high)}]"
        found = (
            f"C0 {number(phase.c0, sign=True)} {interval}, N {phase.n_peaks}, R1 {number(phase.r1)}, "
            f"{number(phase.mean_ms, 0, sign=True)} ms, Rayleigh {probability(phase.rayleigh_p)}"
        )
    gate = f"C0 >= {MIN_C0}, its 95 % interval above {MIN_C0_LOW}, N >= {MIN_PEAKS}"
    return Check("on the beat", "Does density peak on the beat?", gate, found, phase.verdict)


def _energy(measured: Measured) -> Check:
    energy = measured.readings[TAKE].energy
    found = NONE
    if energy.r is not None:
        bars = f", bars {number(energy.bar_r)} (chance {number(energy.bar_null95)})" if energy.bar_r is not None else ""
        found = f"r {number(energy.r)} (chance {number(energy.null95)}) at {number(energy.lag_ms, 0, sign=True)} ms"
        found += bars
    gate = f"r >= {MIN_R} and above chance, per frame and per bar; lag inside {1e3 * MAX_LAG_S:g} ms"
    return Check("follows the body", "Does density follow the body's energy?", gate, found, energy.verdict)


def _separation(measured: Measured) -> Check:
    s = measured.separation
    found = NONE
    if s.c0_swapped is not None or s.r_swapped is not None:
        found = f"C0 {number(s.c0_swapped, sign=True)}, r {number(s.r_swapped)}, bars {number(s.bar_r_swapped)}"
    gate = f"another body: C0 <= {MAX_SWAPPED_C0}, r <= chance + {SWAPPED_MARGIN}; own r above a clock's"
    return Check("dancer or clock", "Does it vanish with another body?", gate, found, s.verdict)


def _usage(measured: Measured) -> Check:
    usage = measured.usage
    found = NONE
    if usage.used_range:
        narrow, least = min(usage.used_range.items(), key=lambda item: item[1])
        stuck, most = max(usage.saturated.items(), key=lambda item: item[1])
        found = f"least p95-p5 {number(least)} ({narrow}), most at its ends {percent(most)} ({stuck})"
    gate = f"every control: p95-p5 >= {MIN_USED}, at its ends in at most {percent(MAX_SATURATED)}"
    return Check("uses the range", "Is every control played?", gate, found, usage.verdict)


def _drift(measured: Measured) -> Check:
    drift = measured.drift
    found = NONE
    if drift.ccc:
        worst = min(drift.ccc.items(), key=lambda item: item[1])
        found = f"least CCC {number(worst[1], 3)} ({worst[0]}), {drift.passes} passes, {drift.span_s:.0f} s"
    gate = f"every control: CCC >= {MIN_CCC}, p95-p5 >= {MIN_LOOP_RANGE}"
    return Check("stays the same", "Does a looped take sound the same later?", gate, found, drift.verdict)


def _prediction(measured: Measured) -> Iterator[Check]:
    for name in HORIZONS:
        result = measured.prediction[name]
        found = NONE
        if result.best_naive is not None:
            found = (
                f"best baseline {result.best_naive} {number(result.mae[result.best_naive], 3)}, "
                f"{RIDGE} {number(result.mae[RIDGE], 3)}"
            )
        gate = f"{percent(MIN_GAIN)} below the best baseline, not above {RIDGE}"
        yield Check(f"looks {name} ahead", f"Is a look-ahead of {name} worth having?", gate, found, result.verdict)
