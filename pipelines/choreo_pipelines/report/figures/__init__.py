"""The figures of a report. Those whose data the take lacks are left out, with the reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from choreo_pipelines.plots import figure_files, save_figure
from choreo_pipelines.report.figures.drawing import Drawing
from choreo_pipelines.report.figures.energy import draw_energy
from choreo_pipelines.report.figures.phase import draw_phase
from choreo_pipelines.report.figures.traces import draw_traces
from choreo_pipelines.report.measure import Clip, Measured
from choreo_pipelines.report.variants import Variants

__all__ = ["Drawing", "draw_all", "drawn_files", "save_drawings"]


def draw_all(measured: Measured, take: Clip, variants: Variants, given: frozenset[str]) -> list[Drawing]:
    """Phase, energy and control traces, in this order. ConfigError without matplotlib."""
    return [draw_phase(measured, take), draw_energy(measured, take, variants, given), draw_traces(take, given)]


def drawn_files(drawings: list[Drawing]) -> list[str]:
    """The names of all files `save_drawings` writes, and of those it would write had the take what is missing."""
    return [path.name for drawing in drawings for path in figure_files(Path(drawing.name))]


def save_drawings(drawings: list[Drawing], folder: Path, about: dict[str, Any]) -> None:
    """Each figure as PDF, SVG and PNG with its data and its caption; `about` says of which take and mapper."""
    for drawing in drawings:
        if drawing.figure is not None:
            caption = {**about, "title": drawing.title, "caption": drawing.caption, **drawing.facts}
            save_figure(drawing.figure, folder / drawing.name, data=drawing.data, caption=caption)
