"""Two figures of one performer's take. matplotlib is an extra: import this module only where it is installed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from matplotlib.figure import Figure

from choreo_pipelines.inspector.curves import histogram, overview, window
from choreo_pipelines.inspector.source import Features
from choreo_pipelines.plots import MODALITY_COLOURS
from choreo_service.clock import NS
from choreo_service.packets import MODALITIES

MOTION, HEART, CONTEXT = (MODALITY_COLOURS[name] for name in ("motion", "heart", "context"))
BEAT: Final = "#444444"  # thin and dashed behind the others: the colour of a ruler
GESTURE: Final = "#009E73"
_COLOURS: Final = {"motion": MOTION, "heart": HEART, "beat": BEAT, "context": CONTEXT}
_ASIDE: Final = {"color": "0.5", "ha": "center", "va": "center", "fontsize": 9}
_DPI: Final = 130
_LONGEST_TEXT: Final = 200
_CHARACTER: Final = 0.006  # of the panel's width, in the smallest type


def draw_overlay(features: Features, meta: Mapping[str, Any], title: str, path: Path) -> None:
    """Energy and heart over the whole take, and its liveliest seconds with the beat under them."""
    figure = Figure(figsize=(11, 7.2), layout="constrained")
    figure.suptitle(_plain_text(title), fontsize=11, x=0.01, ha="left", parse_math=False)
    energy, heart, close = figure.subplots(3, 1, height_ratios=[3, 2.2, 3])
    heart.sharex(energy)
    _draw_energy(energy, features)
    _draw_heart(heart, features)
    _mark(energy, features, meta)
    part = window(features)
    for axes in (energy, heart):
        axes.axvspan(features.t_s[part.start], features.t_s[part.stop - 1], color="0.88", zorder=0, lw=0)
        axes.set_xlim(features.t_s[0], features.t_s[-1])
    energy.tick_params(labelbottom=False)
    heart.set_xlabel("s since the first frame (grey: the part below)", fontsize=9)
    _draw_close(close, features, part)
    _save(figure, (energy, heart, close), path)


def draw_histograms(features: Features, title: str, path: Path) -> None:
    """The distribution of each column, of what was present."""
    figure = Figure(figsize=(11, 6.4), layout="constrained")
    figure.suptitle(_plain_text(title), fontsize=11, x=0.01, ha="left", parse_math=False)
    panels = figure.subplots(3, 4).ravel().tolist()
    columns = [(m.name, c, u) for m in MODALITIES.values() for c, u in zip(m.columns, m.units, strict=True)]
    for axes, (modality, name, unit) in zip(panels, columns, strict=False):
        axes.set_title(name, fontsize=9, loc="left")
        axes.set_xlabel(_powers(unit), fontsize=8)
        axes.set_yticks([])
        if features.there(name):
            edges, share = histogram(features, name)
            axes.stairs(share, edges, fill=True, color=_COLOURS[modality], alpha=0.85)
            axes.set_ylim(0, None)
        else:
            _absent(axes, f"no {modality} in this take")
            axes.set_xticks([])
    for axes in panels[len(columns) :]:
        axes.set_axis_off()
    _save(figure, panels, path)


def _draw_energy(axes: Any, features: Features) -> None:
    curves = overview(features)
    axes.set_ylabel("motion_energy\nm/s²", fontsize=9)
    if features.there("motion_energy"):
        axes.fill_between(curves.t_s, curves.energy_low, curves.energy_high, color=MOTION, alpha=0.25, lw=0)
        axes.plot(curves.t_s, curves.energy, color=MOTION, lw=1.1)
        axes.set_ylim(0, None)
    else:
        _absent(axes, "no motion in this take")
    if features.there("context"):
        beside = axes.twinx()
        beside.step(curves.t_s, curves.context, where="mid", color=CONTEXT, lw=1.2)
        beside.set_ylim(0, 1.02)
        beside.set_ylabel("context", fontsize=9, color=CONTEXT)
        _plain(beside)


def _draw_heart(axes: Any, features: Features) -> None:
    curves = overview(features)
    axes.set_ylabel("hr\nbpm", fontsize=9)
    if features.there("hr"):
        axes.plot(curves.t_s, curves.hr, color=HEART, lw=1.2)
    else:
        _absent(axes, "no heart in this take")


def _draw_close(axes: Any, features: Features, part: slice) -> None:
    t_s, energy, phase = (
        x[part] for x in (features.t_s, features.column("motion_energy"), features.column("beat_phase"))
    )
    axes.set_ylabel("motion_energy\nm/s²", fontsize=9)
    axes.set_xlabel("s since the first frame", fontsize=9)
    axes.set_xlim(t_s[0], t_s[-1])
    if np.isfinite(energy).any():
        axes.plot(t_s, energy, color=MOTION, lw=1.4)
        axes.set_ylim(0, None)
    beside = axes.twinx()
    beside.set_ylim(0, 1.02)
    beside.set_yticks([0, 0.5, 1])
    beside.set_ylabel("beat_phase", fontsize=9, color=BEAT)
    _plain(beside)
    if not np.isfinite(phase).any():
        beside.text(0.5, 0.93, "no beat in this take", transform=beside.transAxes, **_ASIDE)
        return
    wraps = np.flatnonzero(np.diff(phase) < -0.5) + 1
    beside.plot(np.insert(t_s, wraps, t_s[wraps]), np.insert(phase, wraps, np.nan), color=BEAT, lw=0.9, ls=(0, (4, 2)))
    bars = wraps[features.column("beat_idx")[part][wraps] == 0]
    for at_s in t_s[bars]:
        axes.axvline(at_s, color="0.75", lw=1.0, zorder=0)


def _mark(axes: Any, features: Features, meta: Mapping[str, Any]) -> None:
    """Gestures and markers of the header that lie in the take, each with its name as far as there is room."""
    top, last_s = axes.get_xaxis_transform(), features.t_s[-1]
    first_ns = (meta.get("start_ns") or 0) + (meta.get("period_ns") or 0)
    places = [(g["start_s"], g["end_s"], g["name"]) for g in meta.get("gestures", ())]
    places += [(at, at, m["label"]) for m in meta.get("markers", ()) for at in ((m["t_ns"] - first_ns) / NS,)]
    ends = [-np.inf, -np.inf]  # where the last name on each of two lines ends, as a share of the width
    for start_s, end_s, name in sorted(place for place in places if 0 <= place[0] <= last_s):
        axes.axvspan(start_s, min(last_s, max(end_s, start_s + 1e-3)), color=GESTURE, alpha=0.35, lw=0.8, zorder=0)
        at = start_s / last_s
        line = next((i for i, end in enumerate(ends) if at > end), None)
        if line is not None:
            text = _plain_text(name)
            axes.text(start_s, 1.02 + 0.07 * line, text, transform=top, fontsize=7, color=GESTURE, parse_math=False)
            ends[line] = at + _CHARACTER * (len(text) + 1)


def _absent(axes: Any, text: str) -> None:
    axes.text(0.5, 0.5, text, transform=axes.transAxes, **_ASIDE)
    axes.set_yticks([])


def _plain_text(text: str) -> str:
    """One line that fits into a figure, of whatever a header says."""
    return " ".join(text.split())[:_LONGEST_TEXT]


def _powers(unit: str) -> str:
    return unit.replace("^2", "²").replace("^3", "³")


def _plain(axes: Any) -> None:
    axes.tick_params(labelsize=8)
    axes.spines[["top"]].set_visible(False)


def _save(figure: Figure, panels: Sequence[Any], path: Path) -> None:
    for axes in panels:
        axes.tick_params(labelsize=8)
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=_DPI, metadata={"Software": None})  # without a version the same take gives the same bytes
