"""Gates of M3 and of the whole chain: what is played, on the beat, by the body."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from choreo_pipelines.evaluation.gate import RANGE, SATURATED, SHORT_WINDOW_MSE, WINDOW_MEAN, WINDOW_P99, Gate
from choreo_pipelines.evaluation.gates.reading import Reading
from choreo_pipelines.evaluation.stage import OnStage
from choreo_pipelines.generator import Synthetic, check
from choreo_pipelines.metrics import DriftStability
from choreo_pipelines.metrics.drift import MIN_CCC
from choreo_pipelines.metrics.energy import MIN_R
from choreo_pipelines.metrics.phase import MIN_C0, MIN_C0_LOW, MIN_PEAKS
from choreo_pipelines.metrics.separation import MAX_SWAPPED_C0, SWAPPED_MARGIN

BETTER: Final = Gate("<", 1.0)  # a share of what must be beaten
ALL: Final = Gate(">=", 1.0)


def mapper_gates(metrics: Mapping[str, Mapping[str, Any]], teacher_p99: float) -> Iterator[Reading]:
    """From the card's numbers of M3, which are those of the dancers set aside; `teacher_p99` is their
    `teacher_apart`."""
    mse = metrics["mse"]
    ridge = float(mse["baseline"]["ridge on the instant"])
    yield Reading(
        "M3: MSE / ridge's on the instant", mse["value"] / ridge, BETTER, {"MSE": mse["value"], "ridge": ridge}
    )
    itself = {"the teacher itself": teacher_p99}
    yield Reading("M3: stateful - window 50, mean", metrics["windowed_mean_diff"]["value"], WINDOW_MEAN)
    yield Reading("M3: stateful - window 50, p99", metrics["windowed_p99_diff"]["value"], WINDOW_P99, itself)
    yield Reading("M3: window of 20, MSE", metrics["window_20_mse"]["value"], SHORT_WINDOW_MSE)
    saturated = max(m["value"] for name, m in metrics.items() if name.startswith("saturated_"))
    narrowest = min(m["value"] for name, m in metrics.items() if name.startswith("range_"))
    yield Reading("M3: saturated share, worst control", saturated, SATURATED)
    yield Reading("M3: p95 - p5, narrowest control", narrowest, RANGE, {"constant": 0.0})


def stage_gates(stages: Sequence[OnStage], drift: DriftStability) -> Iterator[Reading]:
    """Values as sent after the guards, the worst of the takes; then the drift of one take in a loop."""
    yield from _coherence_gates(stages)
    yield from _energy_gates(stages)
    worst = min(drift.ccc.values(), default=-1.0)
    yield Reading("Stage: CCC over a loop, worst control", worst, Gate(">=", MIN_CCC), {"constant": 0.0})


def generator_gates(mode: str, sessions: Sequence[Synthetic]) -> Iterator[Reading]:
    """The promises of M0, as the share that is kept of those that can be measured."""
    promises = [p for s in sessions for p in check(s.features, s) if p.kept is not None]
    yield Reading(f"M0 {mode}: promises kept", sum(bool(p.kept) for p in promises) / len(promises), ALL)


def _coherence_gates(stages: Sequence[OnStage]) -> Iterator[Reading]:
    c0 = min(_number(s.take.phase.c0) for s in stages)
    low = min(_number(s.take.phase.c0_low) for s in stages)
    swapped = max(_number(s.swapped.phase.c0, 1.0) for s in stages)
    beside = {
        "clock": min(_number(s.clock.phase.c0) for s in stages),
        "motion masked": max(_number(s.masked.phase.c0) for s in stages),
    }
    fewest = float(min(s.take.phase.n_peaks for s in stages))
    yield Reading("Stage: C0 of density, worst take", c0, Gate(">=", MIN_C0), beside)
    yield Reading("Stage: C0, lower end of 95 %", low, Gate(">=", MIN_C0_LOW))
    yield Reading("Stage: C0 with another body, worst take", swapped, Gate("<=", MAX_SWAPPED_C0))
    yield Reading("Stage: peaks, fewest", fewest, Gate(">=", MIN_PEAKS))


def _energy_gates(stages: Sequence[OnStage]) -> Iterator[Reading]:
    r = min(_number(s.take.energy.r) for s in stages)
    bar = min(_number(s.take.energy.bar_r) for s in stages)
    above = min(_number(s.take.energy.r) - _number(s.take.energy.null95, 1.0) for s in stages)
    clocks = {"clock": max(_number(s.clock.energy.r) for s in stages)}
    bars = {"clock": max(_number(s.clock.energy.bar_r) for s in stages)}
    foreign = max(_number(s.swapped.energy.r, 1.0) - _number(s.swapped.energy.null95) for s in stages)
    alike = max(_number(s.bodies.energy.r, 1.0) - _number(s.bodies.energy.null95) for s in stages)
    beside = {"the other body's own energy": alike}
    yield Reading("Stage: energy correlation, worst take", r, Gate(">=", MIN_R), clocks)
    yield Reading("Stage: energy correlation above chance", above, Gate(">=", 0.0))
    yield Reading("Stage: energy correlation of bars, worst take", bar, Gate(">=", MIN_R), bars)
    yield Reading("Stage: another body's correlation above chance", foreign, Gate("<=", SWAPPED_MARGIN), beside)


def _number(value: float | None, otherwise: float = -1.0) -> float:
    """A number that could not be had counts as the worst."""
    return otherwise if value is None else value
