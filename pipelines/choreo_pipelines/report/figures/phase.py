"""Where in the beat the peaks lie: a rose, and the same counts on a line, which reads more easily."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from choreo_pipelines.metrics.peaks import control_peaks
from choreo_pipelines.metrics.phase import PhaseCoherence
from choreo_pipelines.metrics.series import Floats, Ints
from choreo_pipelines.plots import CONTROL_COLOURS, INK, QUIET, new_figure, styled
from choreo_pipelines.report.figures.drawing import Drawing
from choreo_pipelines.report.measure import TAKE, Clip, Measured
from choreo_pipelines.report.wording import number, probability
from choreo_service.packets import CONTROL_NAMES

BINS: Final = 24  # of 15 degrees; at 50 Hz and 110 bpm a beat has 27 frames, narrower bins would show the frames
_QUARTERS: Final = ("0", "¼", "½", "¾")
_TITLE: Final = "Peaks in the beat"


def draw_phase(measured: Measured, take: Clip) -> Drawing:
    """Rose and two-cycle histogram of density, and the histogram of fx_send."""
    reading = measured.readings[TAKE]
    if reading.phase.c0 is None:
        return Drawing("phase", _TITLE, "", "", missing=reading.phase.verdict.reason)
    phases = {name: _phases(take, name) for name in ("density", "fx_send")}
    counts = {name: _counts(values) for name, values in phases.items()}
    with styled():
        figure = new_figure(height_mm=72.0)
        panels = figure.add_gridspec(2, 2, width_ratios=[1, 1.55])
        _rose(figure.add_subplot(panels[:, 0], projection="polar"), counts["density"], reading.phase)
        above = figure.add_subplot(panels[0, 1])
        below = figure.add_subplot(panels[1, 1], sharex=above)
        _line(above, "density", counts["density"], f"C0 {number(reading.phase.c0, sign=True)}")
        _line(below, "fx_send", counts["fx_send"], f"R2 {number(reading.fx.r2)} (two peaks per beat)")
        above.tick_params(labelbottom=False)
        below.set_xlabel("beats (the same cycle twice)")
    return Drawing(
        "phase",
        _TITLE,
        _caption(reading.phase),
        _alt(counts["density"], reading.phase),
        figure,
        data={
            "bin_centre_beats": (np.arange(BINS) / BINS),
            **{f"{name}_count": values for name, values in counts.items()},
            **{f"{name}_phase_beats": values for name, values in phases.items()},
        },
        facts={"n": reading.phase.n_peaks, "bins": BINS, **reading.phase.to_dict()},
    )


def _phases(take: Clip, name: str) -> Floats:
    at = take.position[control_peaks(take.controls[:, CONTROL_NAMES.index(name)], take.hz)]
    return np.sort(at[np.isfinite(at)] % 1.0)


def _counts(phases: Floats) -> Ints:
    """Bins centred on k / BINS, so that the beat lies in the middle of one."""
    bins = np.floor(phases * BINS + 0.5).astype(np.int64) % BINS
    return np.bincount(bins, minlength=BINS)


def _rose(axes: Any, counts: Ints, phase: PhaseCoherence) -> None:
    """Area is proportional to the count, hence the root; the dashed ring is an even spread of as many peaks."""
    axes.set_theta_zero_location("N")
    axes.set_theta_direction(-1)
    top = max(int(counts.max()), 1)
    angles = 2 * np.pi * np.arange(BINS) / BINS
    colour = CONTROL_COLOURS["density"]
    axes.bar(angles, np.sqrt(counts / top), 2 * np.pi / BINS, color=colour, alpha=0.55, edgecolor=colour, lw=0.4)
    circle = np.linspace(0, 2 * np.pi, 181)
    even = float(np.sqrt(counts.sum() / BINS / top))
    axes.plot(circle, np.full_like(circle, min(even, 1.0)), color=QUIET, lw=0.7, ls=(0, (4, 3)))
    mean = 2 * np.pi * (phase.mean_ms or 0.0) / 1e3 * (phase.bpm or 0.0) / 60
    axes.annotate(
        "",
        (mean, phase.r1),
        (0, 0),
        arrowprops={"arrowstyle": "-|>", "lw": 1.2, "color": INK, "shrinkA": 0, "shrinkB": 0},
    )
    axes.set_ylim(0, 1.0)
    axes.set_yticks([])
    axes.set_xticks(np.pi / 2 * np.arange(4), _QUARTERS)
    axes.tick_params(pad=-1, labelsize=9)
    axes.grid(False)
    axes.spines["polar"].set_linewidth(0.6)
    axes.set_title("density", pad=4)
    text = f"R1 {number(phase.r1)}, n {phase.n_peaks}\nRayleigh {probability(phase.rayleigh_p)}"
    axes.text(0.5, -0.1, text, transform=axes.transAxes, ha="center", va="top", linespacing=1.4)


def _line(axes: Any, name: str, counts: Ints, statistic: str) -> None:
    edges = (np.arange(2 * BINS + 1) - 0.5) / BINS
    axes.stairs(np.tile(counts, 2), edges, fill=True, color=CONTROL_COLOURS[name], alpha=0.6, lw=0)
    axes.axhline(counts.sum() / BINS, color=QUIET, lw=0.7, ls=(0, (4, 3)))
    axes.set_xlim(edges[0], edges[-1])
    axes.set_ylim(0, max(1.0, 1.08 * float(counts.max())))
    axes.set_xticks(np.arange(8) / 4, _QUARTERS * 2, fontsize=9)
    axes.yaxis.get_major_locator().set_params(integer=True, nbins=4)
    axes.set_ylabel("peaks")
    axes.set_title(f"{name}: {statistic}", pad=3)


def _caption(phase: PhaseCoherence) -> str:
    interval = f"95 % interval {number(phase.c0_low)} to {number(phase.c0_high)} over bars"
    return (
        f"Beat phases of the {phase.n_peaks} peaks of density. Left: area is proportional to the number of peaks, zero "
        "is the beat, clockwise is late; the arrow is the mean direction, as long as R1 on a radius of 1. Right: the "
        "same on a line, two cycles of it, with fx_send below. Dashed: an even spread. "
        f"C0 {number(phase.c0, sign=True)} ({interval}), mean {number(phase.mean_ms, 0, sign=True)} ms, "
        f"V-test {probability(phase.v_p)}."
    )


def _alt(counts: Ints, phase: PhaseCoherence) -> str:
    fullest = int(counts.argmax()) / BINS
    return (
        f"Rose plot and histogram of {phase.n_peaks} density peaks over the beat: most lie near phase {fullest:.2f}, "
        f"mean resultant length {number(phase.r1)}."
    )
