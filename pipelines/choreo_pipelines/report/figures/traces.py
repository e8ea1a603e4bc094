"""The five controls as sent, with what was held and which sensors were missing."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from choreo_pipelines.metrics import used_range
from choreo_pipelines.plots import CONTROL_COLOURS, QUIET, new_figure, styled
from choreo_pipelines.report.figures.drawing import Drawing, Steps, spans_s
from choreo_pipelines.report.measure import LISTENS_TO, Clip
from choreo_pipelines.report.wording import listed, percent
from choreo_service.packets import CONTROL_NAMES, MODALITY_NAMES

_HATCH: Final = "////"


def draw_traces(take: Clip, given: frozenset[str]) -> Drawing:
    """Five small multiples over one time axis."""
    steps = {name: Steps.of(take.controls[:, c], take.hz) for c, name in enumerate(CONTROL_NAMES)}
    with styled():
        figure = new_figure(height_mm=105.0)
        panels = figure.subplots(len(CONTROL_NAMES), 1, sharex=True)
        for axes, (name, track) in zip(panels, steps.items(), strict=True):
            _draw(axes, name, track, take, LISTENS_TO[name] in given)
        panels[-1].set_xlabel("s since the first frame")
        panels[-1].set_xlim(0, max(steps["density"].t_s[-1], 1 / take.hz))
    absent = tuple(name for name in MODALITY_NAMES if name not in given)
    data = {"t_s": steps["density"].t_s}
    for name, track in steps.items():
        data |= {f"{name}_low": track.low, f"{name}_mean": track.mean, f"{name}_high": track.high}
    held = float(take.held.mean())
    return Drawing(
        "controls",
        "The five controls",
        "The controls as sent, 0 to 1: mean (line) and range (band) of each step of time. Grey: held after a fault "
        f"({percent(held)} of the frames). Hatched: the sensor the control listens to was missing."
        + (f" Not in this take: {listed(absent)}." if absent else ""),
        "Five traces over time, one per control: "
        + ", ".join(f"{name} uses {used_range(take.controls[:, c]):.2f}" for c, name in enumerate(CONTROL_NAMES))
        + " of its range.",
        figure,
        data=data,
        facts={"n": len(take), "held": held, "absent": list(absent)},
    )


def _draw(axes: Any, name: str, track: Steps, take: Clip, heard: bool) -> None:
    colour = CONTROL_COLOURS[name]
    axes.fill_between(track.t_s, track.low, track.high, color=colour, alpha=0.3, lw=0)
    axes.plot(track.t_s, track.mean, color=colour, lw=0.9)
    for start, end in spans_s(take.held, take.hz):
        axes.axvspan(start, end, color=QUIET, alpha=0.35, lw=0, zorder=0)
    missing = ~take.present[:, MODALITY_NAMES.index(LISTENS_TO[name])]
    for start, end in spans_s(missing if heard else np.ones_like(missing), take.hz):
        axes.axvspan(start, end, facecolor="none", edgecolor=QUIET, alpha=0.9, hatch=_HATCH, lw=0, zorder=0)
    axes.set_ylim(-0.02, 1.02)
    axes.set_yticks([0, 0.5, 1])
    axes.set_title(name if heard else f"{name}: no {LISTENS_TO[name]} in this take", pad=2)
