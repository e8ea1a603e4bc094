"""Writes what an inspection found: CSV always, figures where matplotlib is installed."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, fields
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from choreo_pipelines.inspector.columns import ColumnReport, report_columns
from choreo_pipelines.inspector.curves import Overview, histogram, overview, window
from choreo_pipelines.inspector.source import Features
from choreo_pipelines.results import CHOOSE, earlier_results
from choreo_service.errors import ConfigError
from choreo_service.packets import FEATURE_COLUMNS

MISSING_PLOTTER: Final = (
    "no figures: matplotlib isn't installed",
    "make setup (in the project's folder), or pip install 'choreo-service[lab]'",
)

_TABLE: Final = "columns.csv"  # written first; its header tells an inspection from anything else
_HEADER: Final = [field.name for field in fields(ColumnReport)]
_FILES: Final = (_TABLE, "overlay.csv", "overlay_close.csv", "histograms.csv", "overlay.png", "histograms.png")


def check_folder(folder: Path) -> None:
    """ConfigError when a file in `folder` has a name that an inspection needs, and no inspection wrote it."""
    earlier_results(folder, "inspection", _TABLE, _check_header, _FILES)


def can_draw() -> bool:
    return find_spec("matplotlib") is not None


def write_files(features: Features, meta: Mapping[str, Any], title: str, folder: Path) -> list[Path]:
    """Table, curves and histograms as CSV and, if possible, PNG; files of an earlier inspection are replaced.

    ConfigError when the folder holds others of these names, or can't be written.
    """
    check_folder(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        written = [
            _columns(features, folder / _TABLE),
            _overview(features, folder / "overlay.csv"),
            _close(features, folder / "overlay_close.csv"),
            _histograms(features, folder / "histograms.csv"),
        ]
        return written + (_figures(features, meta, title, folder) if can_draw() else [])
    except OSError as error:
        raise ConfigError(f"can't write to {folder}: {error.strerror}", fix=CHOOSE) from error


def _figures(features: Features, meta: Mapping[str, Any], title: str, folder: Path) -> list[Path]:
    from choreo_pipelines.inspector.figures import draw_histograms, draw_overlay

    overlay, histograms = folder / "overlay.png", folder / "histograms.png"
    draw_overlay(features, meta, title, overlay)
    draw_histograms(features, title, histograms)
    return [overlay, histograms]


def _check_header(text: str) -> None:
    if text.partition("\n")[0] != ",".join(_HEADER):
        raise ValueError("the table of no inspection")


def _columns(features: Features, path: Path) -> Path:
    return _write(path, _HEADER, (astuple(report) for report in report_columns(features)))


def _overview(features: Features, path: Path) -> Path:
    curves = overview(features)
    names = [field.name for field in fields(Overview)]
    columns = [[_number(v) for v in getattr(curves, name).tolist()] for name in names]
    return _write(path, names, zip(*columns, strict=True))


def _close(features: Features, path: Path) -> Path:
    part = window(features)
    names = ("motion_energy", "hr", "beat_phase", "beat_idx")
    columns = [features.t_s[part], *(features.column(name)[part] for name in names)]
    return _write(path, ["t_s", *names], zip(*([_number(v) for v in c.tolist()] for c in columns), strict=True))


def _histograms(features: Features, path: Path) -> Path:
    rows: list[Sequence[Any]] = []
    for name in FEATURE_COLUMNS:
        edges, share = histogram(features, name)
        bins = zip(edges[:-1].tolist(), edges[1:].tolist(), share.tolist(), strict=True)
        rows += [(name, *(_number(v) for v in numbers)) for numbers in bins]
    return _write(path, ["column", "from", "to", "share"], rows)


def _number(value: float) -> str:
    """Empty for NaN, which spreadsheets take for text."""
    return "" if value != value else f"{value:.7g}"


def _write(path: Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)
    return path
