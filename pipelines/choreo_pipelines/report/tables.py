"""The tables of a report as text cells, the same in the terminal, in Markdown and on the page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from choreo_pipelines.metrics import Verdict, used_range
from choreo_pipelines.metrics.energy import MAX_LAG_S, MIN_R
from choreo_pipelines.metrics.phase import MIN_C0, MIN_PEAKS
from choreo_pipelines.metrics.prediction import NAIVE, RIDGE
from choreo_pipelines.metrics.series import MIN_RANGE
from choreo_pipelines.metrics.usage import MAX_SATURATED, MIN_USED
from choreo_pipelines.report.measure import HORIZONS, LISTENS_TO, READ, TAKE, BodyReading, Clip, Measured
from choreo_pipelines.report.wording import NONE, SHORT, number, percent
from choreo_service.packets import CONTROL_NAMES, MODALITY_NAMES


@dataclass(frozen=True, slots=True)
class Table:
    """The first column names the row; the others are numbers."""

    title: str
    about: str  # one sentence on how to read it
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def tables(measured: Measured, take: Clip) -> list[Table]:
    """Readings beside the fakes, controls, look-ahead where there was enough to judge it, sensors."""
    ahead = [_prediction(measured)] if any(result.mae for result in measured.prediction.values()) else []
    return [_readings(measured), _controls(measured, take), *ahead, _sensors(measured)]


@dataclass(frozen=True, slots=True)
class _Row:
    """One number of a reading, and what chance gives for it."""

    name: str
    value: Callable[[BodyReading], float | None]
    chance: Callable[[BodyReading], float | None]
    gate: str
    verdict: Callable[[Measured], Verdict] | None  # on the first row of a gate alone
    digits: int = 2


def _no_chance(_: BodyReading) -> None:
    return None


_ROWS: Final = (
    _Row(
        "density C0",
        lambda r: r.phase.c0,
        lambda r: r.phase.c0_chance,
        f">= {MIN_C0}",
        lambda m: m.readings[TAKE].phase.verdict,
    ),
    _Row("density peaks", lambda r: r.phase.n_peaks, _no_chance, f">= {MIN_PEAKS}", None, digits=0),
    _Row("density R1", lambda r: r.phase.r1, lambda r: r.phase.r1_chance, NONE, None),
    _Row("fx_send R2", lambda r: r.fx.r2, lambda r: r.fx.r1_chance, NONE, None),
    _Row("fx_send C2", lambda r: r.fx.c2, lambda r: r.fx.c0_chance, NONE, None),
    _Row(
        "energy r",
        lambda r: r.energy.r,
        lambda r: r.energy.null95,
        f">= {MIN_R}",
        lambda m: m.readings[TAKE].energy.verdict,
    ),
    _Row("energy r, bars", lambda r: r.energy.bar_r, lambda r: r.energy.bar_null95, f">= {MIN_R}", None),
    _Row("energy lag, ms", lambda r: r.energy.lag_ms, _no_chance, f"< {1e3 * MAX_LAG_S:g}", None, digits=0),
)


def _readings(measured: Measured) -> Table:
    rows = []
    for row in _ROWS:
        values = [number(row.value(measured.readings[name]), row.digits) for name in READ]
        verdict = SHORT[row.verdict(measured).outcome] if row.verdict else ""
        rows.append((row.name, *values, number(row.chance(measured.readings[TAKE])), row.gate, verdict))
    rows.append(("dancer or clock", *[""] * 7, SHORT[measured.separation.verdict.outcome]))
    about = (
        "The take beside four fakes, all read against the take's own beat and body. Chance: what 95 % of random tracks "
        "stay below. fx_send peaks twice per beat, hence doubled phase."
    )
    return Table("Beside the fakes", about, ("number", *READ, "chance", "gate", "verdict"), tuple(rows))


def _controls(measured: Measured, take: Clip) -> Table:
    rows = []
    for c, name in enumerate(CONTROL_NAMES):
        spread = used_range(take.controls[:, c])
        ends = measured.usage.saturated.get(name)
        left_out = name not in measured.usage.used_range
        rows.append(
            (
                name,
                LISTENS_TO[name],
                number(spread),
                NONE if ends is None else percent(ends),
                "yes" if spread < MIN_RANGE else "no",
                number(measured.drift.ccc.get(name), 3),
                f"no {LISTENS_TO[name]}" if left_out else "counts",
            )
        )
    about = (
        f"As sent. Gate: p95-p5 >= {MIN_USED}, at the ends (< 0.02 or > 0.98) in at most {percent(MAX_SATURATED)}. "
        "A control whose sensor sent nothing doesn't count."
    )
    header = ("control", "listens to", "p95-p5", "at ends", "stuck", "loop CCC", "in the gate")
    return Table("Controls", about, header, tuple(rows))


def _prediction(measured: Measured) -> Table:
    methods = (*NAIVE, RIDGE)
    rows = []
    for name in HORIZONS:
        result = measured.prediction[name]
        rows.append((name, *(number(result.mae.get(method), 3) for method in methods), str(result.frames)))
    about = "Mean absolute error of what anybody can forecast for nothing; a model's look-ahead has to beat it."
    return Table("Look-ahead baselines", about, ("ahead", *methods, "frames"), tuple(rows))


def _sensors(measured: Measured) -> Table:
    rows = [(name, percent(measured.present[name]), "") for name in MODALITY_NAMES]
    rows[MODALITY_NAMES.index("beat")] = ("beat", percent(measured.present["beat"]), percent(measured.beats_given))
    rows.append(("held controls", percent(measured.held), ""))
    about = "Share of the frames. A beat nobody sent is the service's own clock and is not measured against."
    return Table("Sensors", about, ("modality", "present", "sent beat"), tuple(rows))
