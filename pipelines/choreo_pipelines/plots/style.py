"""The style as matplotlib settings. matplotlib is an extra: import this module only where it is installed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import matplotlib as mpl
from matplotlib.figure import Figure

from choreo_pipelines.plots.colours import INK, PAPER

STYLE: Final[Mapping[Any, Any]] = {
    # DejaVu comes with matplotlib, so that the layout is the same on every machine. SVG text stays text and falls back
    # to the reader's own sans-serif.
    "font.family": ["sans-serif"],
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 7.5,
    "axes.titlesize": 8,
    "axes.labelsize": 7.5,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "figure.titlesize": 8,
    "axes.titlelocation": "left",
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.minor.width": 0.4,
    "ytick.minor.width": 0.4,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "grid.linewidth": 0.4,
    "lines.linewidth": 1.0,
    "patch.linewidth": 0.6,
    "hatch.linewidth": 0.4,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    **dict.fromkeys(("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"), INK),
    "figure.facecolor": PAPER,
    "axes.facecolor": PAPER,
    "savefig.facecolor": PAPER,
    "savefig.dpi": 200,
    "pdf.fonttype": 42,  # TrueType: journals refuse Type 3, and text stays text
    "svg.fonttype": "none",
    "svg.hashsalt": "choreo",  # else every run draws other ids
    "text.usetex": False,
}


@contextmanager
def styled() -> Iterator[None]:
    """The style for the length of a block, on matplotlib's own defaults: no matplotlibrc shows through."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(STYLE)
        yield


class StyledFigure(Figure):
    """A figure whose axes carry the style wherever they are added."""

    def add_subplot(self, *args: Any, **kwargs: Any) -> Any:
        """As Figure.add_subplot, through which `subplots` and `subplot_mosaic` go as well."""
        with styled():
            return super().add_subplot(*args, **kwargs)
