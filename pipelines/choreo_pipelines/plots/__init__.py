"""Figures for print and screen: one style, one colour per control, and the numbers beside every drawing.

matplotlib belongs to the `lab` extra and is imported when a figure is made; this package imports without it.
"""

from choreo_pipelines.plots.colours import CONTROL_COLOURS, CONTROL_LINESTYLES, INK, MODALITY_COLOURS, PAPER, QUIET
from choreo_pipelines.plots.figure import (
    DOUBLE_MM,
    SINGLE_MM,
    figure_files,
    new_figure,
    require_matplotlib,
    save_figure,
    styled,
)

__all__ = [
    "CONTROL_COLOURS",
    "CONTROL_LINESTYLES",
    "DOUBLE_MM",
    "INK",
    "MODALITY_COLOURS",
    "PAPER",
    "QUIET",
    "SINGLE_MM",
    "figure_files",
    "new_figure",
    "require_matplotlib",
    "save_figure",
    "styled",
]
