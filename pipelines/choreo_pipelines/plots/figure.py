"""Making a figure and writing it beside its numbers, with the same bytes at every run."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from choreo_service.errors import ConfigError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SINGLE_MM: Final = 89.0  # one column of a journal's page
DOUBLE_MM: Final = 183.0
FORMATS: Final = ("pdf", "svg", "png")

# What a file would otherwise say about when and by which version it was written.
_UNDATED: Final[Mapping[str, Mapping[str, None]]] = {
    "pdf": dict.fromkeys(("CreationDate", "Creator", "Producer")),
    "svg": dict.fromkeys(("Date", "Creator", "Format", "Type")),
    "png": {"Software": None},
}


def require_matplotlib() -> None:
    """ConfigError without matplotlib: for commands that would otherwise find out after the work."""
    _style()


def new_figure(width: Literal["single", "double"] = "double", height_mm: float = 60.0) -> Figure:
    """An empty figure of one column (89 mm) or two (183 mm), without pyplot and so without a window or global state.

    Its axes are styled; lines and legends are where they are drawn inside `with styled():`. ConfigError without
    matplotlib.
    """
    style = _style()
    with style.styled():
        millimetres = {"single": SINGLE_MM, "double": DOUBLE_MM}[width]
        figure: Figure = style.StyledFigure(figsize=(millimetres / 25.4, height_mm / 25.4), layout="constrained")
        return figure


def styled() -> AbstractContextManager[None]:
    """The style for the length of a block. ConfigError without matplotlib."""
    context: AbstractContextManager[None] = _style().styled()
    return context


def save_figure(
    figure: Figure,
    stem: Path,
    *,
    data: Mapping[str, NDArray[Any]],
    caption: Mapping[str, Any],
    formats: Sequence[str] = FORMATS,
) -> list[Path]:
    """Write `stem`.pdf, .svg and .png, its numbers as `stem`.csv, its caption as `stem`.json; replaces what is there.

    `data` are columns [n], shorter ones end with empty cells, as NaN does. `caption` may hold numpy values; numbers
    that are not finite become null. ConfigError when the folder can't be written, ValueError for a column that isn't
    one-dimensional or an unknown format.
    """
    if unknown := sorted(set(formats) - set(_UNDATED)):
        raise ValueError(f"formats: expected some of {', '.join(_UNDATED)}, found {', '.join(unknown)}")
    columns = {name: _cells(name, values) for name, values in data.items()}
    paths = figure_files(stem, formats)
    try:
        stem.parent.mkdir(parents=True, exist_ok=True)
        with styled():
            for path, kind in zip(paths, formats, strict=False):
                figure.savefig(path, format=kind, metadata=dict(_UNDATED[kind]))
        _write_csv(paths[-2], columns)
        text = json.dumps(_plain(caption), indent=2, ensure_ascii=False, allow_nan=False)
        paths[-1].write_text(f"{text}\n", "utf-8")
    except OSError as error:
        problem = f"can't write to {stem.parent}: {error.strerror}"
        raise ConfigError(problem, fix="choose another folder: --out DIR") from error
    return paths


def figure_files(stem: Path, formats: Sequence[str] = FORMATS) -> list[Path]:
    """What `save_figure` writes for this stem: the figure in each format, its numbers, its caption."""
    return [stem.with_name(f"{stem.name}.{ending}") for ending in (*formats, "csv", "json")]


def _style() -> Any:
    """The module that needs matplotlib."""
    try:
        from choreo_pipelines.plots import style
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "matplotlib":
            raise
        raise ConfigError(
            "figures need matplotlib, which isn't installed",
            fix="make setup (in the project's folder), or pip install 'choreo-service[lab]'",
        ) from error
    return style


def _cells(name: str, values: NDArray[Any]) -> list[str]:
    column = np.asarray(values)
    if column.ndim != 1:
        raise ValueError(f"data {name!r}: one column [n] expected, got shape {column.shape}")
    if column.dtype.kind == "b":
        column = column.astype(np.int8)
    if column.dtype.kind == "f":
        return ["" if math.isnan(value) else f"{value:.7g}" for value in column.tolist()]
    return [str(value) for value in column.tolist()]


def _write_csv(path: Path, columns: Mapping[str, Iterable[str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(zip_longest(*columns.values(), fillvalue=""))


def _plain(value: Any) -> Any:
    """JSON types; numbers that are not finite become None."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
