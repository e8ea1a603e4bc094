"""How a run went: its curves as a figure, and every number of it as a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import cycle, product
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from choreo_pipelines.plots import CONTROL_COLOURS, CONTROL_LINESTYLES, QUIET, new_figure, save_figure, styled
from choreo_pipelines.training.history import History, Series

SMOOTHED_SHARE: Final = 0.02  # of the run under the running mean
LOG_FROM: Final = 10.0  # a positive curve that spans more than this factor is drawn on a logarithmic axis


def write_curves(history: History, folder: Path, kind: str, *, caption: Mapping[str, Any] | None = None) -> list[Path]:
    """Write KIND_loss.png, .csv (a row per step) and .json (the caption) and return them.

    ConfigError when the folder can't be written or matplotlib isn't installed, ValueError for a run without steps.
    """
    if not history.finished:
        raise ValueError("a run without steps has no curves")
    text = "Training terms as running means, the loss itself faint behind; validation is on unseen performers."
    about = {"kind": kind, "steps": history.finished, "text": text, **(caption or {})}
    figure = draw_curves(history)
    return save_figure(figure, folder / f"{kind}_loss", data=table(history), caption=about, formats=("png",))


def table(history: History) -> dict[str, NDArray[Any]]:
    """step (from 1), lr, the terms, grad_norm and validation_NAME, each [steps]; NaN where nothing was validated."""
    columns: dict[str, NDArray[Any]] = {"step": np.arange(1, history.finished + 1)}
    columns |= {name: np.array(values) for name, values in history.steps.items()}
    rows = np.array(history.validations.get("step", ()), np.int64) - 1
    for name, values in _metrics(history).items():
        column = np.full(history.finished, np.nan)
        column[rows] = values
        columns[f"validation_{name}"] = column
    return columns


def smoothed(values: Series, width: int) -> tuple[Series, Series]:
    """Centre positions (steps from 1) and running mean over `width` values; no ends that it would have to invent."""
    mean: Series = np.convolve(values, np.full(width, 1.0 / width), mode="valid")
    return np.arange(len(mean), dtype=np.float64) + 1.0 + (width - 1) / 2.0, mean


def draw_curves(history: History) -> Any:
    """The figure: the terms, the validation where there is one, gradient norm and learning rate."""
    figure = new_figure("double", 65.0)
    metrics = _metrics(history)
    panels = figure.subplots(1, 3 if metrics else 2, squeeze=False)[0].tolist()
    with styled():
        _draw_terms(panels[0], history)
        if metrics:
            _draw_validation(panels[1], metrics, np.array(history.validations["step"]))
        _draw_steps(panels[-1], history)
        for axes in panels:
            axes.set_xlabel("step")
            axes.set_xlim(0, history.finished + 1)
    return figure


def _draw_terms(axes: Any, history: History) -> None:
    axes.set_title("training")
    every = {name: np.array(v) for name, v in history.steps.items() if name not in ("lr", "grad_norm")}
    # One term below 0 would force a linear axis, on which a small loss is a flat line; it is in the table.
    terms = {name: values for name, values in every.items() if values.min() > 0} or every
    steps, width = np.arange(1, history.finished + 1), max(1, round(SMOOTHED_SHARE * history.finished))
    for (name, values), (line, colour) in zip(terms.items(), _looks(), strict=False):
        if name == "loss":  # the scatter of every term would hide them all
            axes.plot(steps, values, color=colour, lw=0.5, alpha=0.25)
        front = {"lw": 1.4, "zorder": 3} if name == "loss" else {"lw": 0.8}
        axes.plot(*smoothed(values, width), color=colour, ls=line, label=name, **front)
    _finish(axes, terms)


def _draw_validation(axes: Any, metrics: Mapping[str, Series], steps: Series) -> None:
    axes.set_title("validation")
    for (name, values), (line, colour) in zip(metrics.items(), _looks(), strict=False):
        axes.plot(steps, values, color=colour, ls=line, marker="o", ms=2.5, label=name)
    _finish(axes, metrics)


def _draw_steps(axes: Any, history: History) -> None:
    axes.set_title("gradient norm and learning rate")
    norms = np.array(history.steps["grad_norm"])
    steps, colour = np.arange(1, history.finished + 1), next(iter(CONTROL_COLOURS.values()))
    axes.plot(steps, norms, color=QUIET, lw=0.5)
    axes.set_ylabel("gradient norm", color=QUIET)
    _finish(axes, {"grad_norm": norms}, legend=False)
    beside = axes.twinx()
    beside.plot(steps, history.steps["lr"], color=colour)
    beside.set_ylabel("learning rate", color=colour)
    beside.set_ylim(0, None)
    beside.spines["right"].set_visible(True)


def _finish(axes: Any, curves: Mapping[str, Series], *, legend: bool = True) -> None:
    values = np.concatenate(list(curves.values()))
    finite = values[np.isfinite(values)]
    if finite.size and finite.min() > 0 and finite.max() > LOG_FROM * finite.min():
        axes.set_yscale("log")
    if legend:
        axes.legend(ncols=1 + len(curves) // 6)


def _looks() -> Iterator[tuple[Any, str]]:
    """Line style and colour of the first, second ... curve; all colours come before a style repeats."""
    return cycle(product(CONTROL_LINESTYLES.values(), CONTROL_COLOURS.values()))


def _metrics(history: History) -> dict[str, Series]:
    return {name: np.array(values) for name, values in history.validations.items() if name != "step"}
