"""Gates of M3 and of the whole chain: what is played, on the beat, by the body."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from choreo_pipelines.evaluation.gates.reading import Reading
from choreo_pipelines.evaluation.stage import loop_drift, on_stage
from choreo_pipelines.generator import Synthetic, check
from choreo_service.core import Core
from choreo_service.session import Session

DRIFT_MINUTES = 5.0


def mapper_gates(metrics: Mapping[str, Mapping[str, Any]]) -> Iterator[Reading]:
    """From the card's numbers of M3, which are those of the dancers set aside."""
    mse = metrics["mse"]
    ridge = float(mse["baseline"]["ridge on the instant"])
    yield Reading(
        "M3: MSE / ridge's on the instant", mse["value"] / ridge, "<", 1.0, {"MSE": mse["value"], "ridge": ridge}
    )
    for name, key, limit in (
        ("stateful - window 50, mean", "windowed_mean_diff", 0.01),
        ("stateful - window 50, p99", "windowed_p99_diff", 0.03),
        ("window of 20, MSE", "window_20_mse", 0.003),
    ):
        yield Reading(f"M3: {name}", metrics[key]["value"], "<=", limit)
    saturated = max(m["value"] for name, m in metrics.items() if name.startswith("saturated_"))
    narrowest = min(m["value"] for name, m in metrics.items() if name.startswith("range_"))
    yield Reading("M3: saturated share, worst control", saturated, "<=", 0.05)
    yield Reading("M3: p95 - p5, narrowest control", narrowest, ">=", 0.4, {"constant": 0.0})


def stage_gates(takes: Sequence[Session], new_core: Callable[[], Core]) -> Iterator[Reading]:
    """Values as sent after the guards, the worst of the takes; then the drift of the first take in a loop."""
    stages = on_stage(takes, new_core)
    c0 = min(_number(s.take.phase.c0) for s in stages)
    low = min(_number(s.take.phase.c0_low) for s in stages)
    swapped = max(_number(s.swapped.phase.c0, 1.0) for s in stages)
    beside = {
        "clock": min(_number(s.clock.phase.c0) for s in stages),
        "motion masked": max(_number(s.masked.phase.c0) for s in stages),
    }
    yield Reading("Stage: C0 of density, worst take", c0, ">=", 0.6, beside)
    yield Reading("Stage: C0, lower end of 95 %", low, ">=", 0.55)
    yield Reading("Stage: C0 with another body, worst take", swapped, "<=", 0.35)
    yield Reading("Stage: peaks, fewest", float(min(s.take.phase.n_peaks for s in stages)), ">=", 60.0)
    r = min(_number(s.take.energy.r) for s in stages)
    bar = min(_number(s.take.energy.bar_r) for s in stages)
    above = min(_number(s.take.energy.r) - _number(s.take.energy.null95, 1.0) for s in stages)
    clocks = {"clock": max(_number(s.clock.energy.r) for s in stages)}
    bars = {"clock": max(_number(s.clock.energy.bar_r) for s in stages)}
    foreign = max(_number(s.swapped.energy.r, 1.0) - _number(s.swapped.energy.null95) for s in stages)
    alike = max(_number(s.bodies.energy.r, 1.0) - _number(s.bodies.energy.null95) for s in stages)
    yield Reading("Stage: energy correlation, worst take", r, ">=", 0.6, clocks)
    yield Reading("Stage: energy correlation above chance", above, ">=", 0.0)
    yield Reading("Stage: energy correlation of bars, worst take", bar, ">=", 0.6, bars)
    beside = {"the other body's own energy": alike}
    yield Reading("Stage: another body's correlation above chance", foreign, "<=", 0.05, beside)
    drift = loop_drift(takes[0], new_core, minutes=DRIFT_MINUTES)
    yield Reading("Stage: CCC over a loop, worst control", min(drift.ccc.values()), ">=", 0.95, {"constant": 0.0})


def generator_gates(mode: str, sessions: Sequence[Synthetic]) -> Iterator[Reading]:
    """The promises of M0, as the share that is kept of those that can be measured."""
    promises = [p for s in sessions for p in check(s.features, s) if p.kept is not None]
    yield Reading(f"M0 {mode}: promises kept", sum(bool(p.kept) for p in promises) / len(promises), ">=", 1.0)


def _number(value: float | None, otherwise: float = -1.0) -> float:
    """A number that could not be had counts as the worst."""
    return otherwise if value is None else value
