"""The body's energy and the music's density: over the take, close up, and how late one follows the other."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from choreo_pipelines.metrics.beat import BEATS_PER_BAR
from choreo_pipelines.metrics.controls import clock_only
from choreo_pipelines.metrics.energy import MAX_LAG_S, EnergyCorrelation
from choreo_pipelines.metrics.series import Floats
from choreo_pipelines.plots import CONTROL_COLOURS, CONTROL_LINESTYLES, MODALITY_COLOURS, QUIET, new_figure, styled
from choreo_pipelines.report.figures.drawing import Drawing, Steps
from choreo_pipelines.report.measure import TAKE, Clip, Measured
from choreo_pipelines.report.variants import Variants
from choreo_pipelines.report.wording import number
from choreo_service.packets import CONTROL_NAMES

CLOSE_S: Final = 8.0
STEP_S: Final = 2.0  # of the whole take: longer than a beat, whose ripple would alias with shorter steps
REACH_S: Final = 0.5  # of the lag curve: a beat at 120 bpm, in which a clock's ripple shows
_TITLE: Final = "Energy and density"
_DENSITY: Final = CONTROL_NAMES.index("density")
_BODY: Final = MODALITY_COLOURS["motion"]
_SENT: Final = CONTROL_COLOURS["density"]
_FAKES: Final = {"swapped body": (0, (1, 1)), "clock only": (0, (5, 2))}


def draw_energy(measured: Measured, take: Clip, variants: Variants, given: frozenset[str]) -> Drawing:
    """The whole take, its liveliest seconds, and r over the lag beside another body's and a clock's."""
    energy = measured.readings[TAKE].energy
    if energy.r is None:
        return Drawing("energy", _TITLE, "", "", missing=energy.verdict.reason)
    density = take.controls[:, _DENSITY]
    part = _liveliest(take)
    lag_s, curves = _lag_curves(take, variants, given)
    whole = {name: Steps.of(x, take.hz, STEP_S) for name, x in (("motion_energy", take.energy), ("density", density))}
    with styled():
        figure = new_figure(height_mm=95.0)
        panels = figure.add_gridspec(2, 3)
        _draw_whole(figure.add_subplot(panels[0, :]), whole, part, take.hz)
        close, lag = figure.add_subplot(panels[1, :2]), figure.add_subplot(panels[1, 2])
        _draw_close(close, take, part, energy)
        _draw_lag(lag, lag_s, curves, energy)
    return Drawing(
        "energy",
        _TITLE,
        _caption(energy, part, take.hz),
        _alt(energy),
        figure,
        data={
            "t_s": whole["density"].t_s,
            "motion_energy_mean": whole["motion_energy"].mean,
            "density_mean": whole["density"].mean,
            "close_t_s": np.arange(part.start, part.stop) / take.hz,
            "close_motion_energy": take.energy[part],
            "close_density": density[part],
            "lag_s": lag_s,
            **{f"r_{name.replace(' ', '_')}": values for name, values in curves.items()},
        },
        facts={"n": len(take), "window_s": [part.start / take.hz, part.stop / take.hz], **energy.to_dict()},
    )


def _liveliest(take: Clip) -> slice:
    """The frames of the CLOSE_S seconds with the most energy."""
    frames = min(len(take), round(CLOSE_S * take.hz))
    total = np.concatenate(([0.0], np.cumsum(np.nan_to_num(take.energy))))
    first = int(np.argmax(total[frames:] - total[:-frames]))
    return slice(first, first + frames)


def _lag_curves(take: Clip, variants: Variants, given: frozenset[str]) -> tuple[Floats, dict[str, Floats]]:
    """(lags [n] in s, track -> Pearson(motion_energy(t), track(t + lag)) [n])."""
    frames = np.arange(-round(REACH_S * take.hz), round(REACH_S * take.hz) + 1)
    tracks = {TAKE: take.controls[:, _DENSITY], "swapped body": Clip.of(variants.swapped, given).controls[:, _DENSITY]}
    if np.isfinite(take.position).any():
        tracks["clock only"] = clock_only(take.position)
    curves = {
        name: np.array([_pearson_at(take.energy, track, int(lag)) for lag in frames]) for name, track in tracks.items()
    }
    return frames / take.hz, curves


def _pearson_at(body: Floats, track: Floats, lag: int) -> float:
    n = min(len(body), len(track))
    x, y = (body[: n - lag], track[lag:n]) if lag >= 0 else (body[-lag:n], track[: n + lag])
    known = np.isfinite(x) & np.isfinite(y)
    x, y = x[known], y[known]
    if len(x) < 2 or x.std() <= 1e-9 or y.std() <= 1e-9:
        return float("nan")
    return float(np.corrcoef(x, y)[0, 1])


def _draw_whole(axes: Any, whole: dict[str, Steps], part: slice, hz: float) -> None:
    body, sent = whole["motion_energy"], whole["density"]
    axes.axvspan(part.start / hz, part.stop / hz, color=QUIET, alpha=0.2, lw=0, zorder=0)
    axes.plot(body.t_s, body.mean, color=_BODY, lw=0.9)
    axes.set_ylim(0, None)
    axes.set_xlim(0, body.t_s[-1])
    axes.set_ylabel("motion_energy, m/s²", color=_BODY)
    axes.set_xlabel("s since the first frame (grey: the part below)")
    beside = _beside(axes)
    beside.plot(sent.t_s, sent.mean, color=_SENT, ls=CONTROL_LINESTYLES["density"], lw=0.9)
    axes.set_title("the whole take")


def _draw_close(axes: Any, take: Clip, part: slice, energy: EnergyCorrelation) -> None:
    t_s = np.arange(part.start, part.stop) / take.hz
    axes.plot(t_s, take.energy[part], color=_BODY)
    axes.set_ylim(0, None)
    axes.set_xlim(t_s[0], t_s[-1])
    axes.set_ylabel("motion_energy, m/s²", color=_BODY)
    beats = " (lines: beats, bars thicker)" if np.isfinite(take.position[part]).any() else ""
    axes.set_xlabel(f"s since the first frame{beats}")
    beside = _beside(axes)
    beside.plot(t_s, take.controls[part, _DENSITY], color=_SENT, ls=CONTROL_LINESTYLES["density"])
    position = take.position[part]
    for frame in np.flatnonzero(np.floor(position[1:]) > np.floor(position[:-1])) + 1:
        bar = np.floor(position[frame]) % BEATS_PER_BAR == 0
        axes.axvline(t_s[frame], color=QUIET, lw=0.9 if bar else 0.4, alpha=0.7, zorder=0)
    axes.set_title(f"close up: density follows by {number(energy.lag_ms, 0, sign=True)} ms")


def _draw_lag(axes: Any, lag_s: Floats, curves: dict[str, Floats], energy: EnergyCorrelation) -> None:
    axes.axvspan(-1e3 * MAX_LAG_S, 1e3 * MAX_LAG_S, color=QUIET, alpha=0.2, lw=0, zorder=0)
    axes.axhline(0, color=QUIET, lw=0.4)
    axes.axhline(energy.null95, color=QUIET, lw=0.7, ls=(0, (4, 3)))
    axes.plot(1e3 * lag_s, curves[TAKE], color=_SENT, label=TAKE)
    for name, dashes in _FAKES.items():
        if name in curves and np.isfinite(curves[name]).any():
            axes.plot(1e3 * lag_s, curves[name], color=QUIET, ls=dashes, label=name)
    axes.plot([energy.lag_ms], [energy.r], "o", ms=3.5, color=_SENT)
    axes.set_xlim(1e3 * lag_s[0], 1e3 * lag_s[-1])
    axes.set_ylim(min(-0.2, *(float(np.nanmin(c)) for c in curves.values() if np.isfinite(c).any())) - 0.05, 1.02)
    axes.set_xlabel("density later by, ms")
    axes.set_ylabel("r")
    axes.set_title(f"best r {number(energy.r)} (dashed: chance)")
    axes.figure.legend(*axes.get_legend_handles_labels(), loc="outside lower right", ncols=3, handlelength=1.8)


def _beside(axes: Any) -> Any:
    beside = axes.twinx()
    beside.set_ylim(0, 1.02)
    beside.set_ylabel("density, 0..1", color=_SENT)
    beside.spines["right"].set_visible(True)
    return beside


def _caption(energy: EnergyCorrelation, part: slice, hz: float) -> str:
    seconds = (part.stop - part.start) / hz
    bars = "" if energy.bar_r is None else f", per bar {number(energy.bar_r)} (chance {number(energy.bar_null95)})"
    return (
        f"The body's energy and the density that was sent. Above: the whole take, means over {STEP_S:g} s. Below left: "
        f"its liveliest {seconds:.0f} s. Below right: correlation when density is moved; grey is the part searched. "
        f"r {number(energy.r)} at {number(energy.lag_ms, 0, sign=True)} ms (chance {number(energy.null95)}){bars}."
    )


def _alt(energy: EnergyCorrelation) -> str:
    return (
        f"Motion energy and density over time, and their correlation over the lag: best {number(energy.r)} with "
        f"density {number(energy.lag_ms, 0)} ms late; chance reaches {number(energy.null95)}."
    )
