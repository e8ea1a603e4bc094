"""`choreo-lab inspect`."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Unpack

import click

from choreo_pipelines import REPORTS
from choreo_pipelines.importers.recording import lab_module
from choreo_pipelines.inspector.columns import report_columns
from choreo_pipelines.inspector.files import MISSING_PLOTTER, can_draw, check_folder, write_files
from choreo_pipelines.inspector.findings import findings
from choreo_pipelines.inspector.source import read_take
from choreo_service.cli.options import Choice, config_options, find_take


@click.command("inspect")
@click.argument("take", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="Folder for it; reports/TAKE_inspect if not given.")
@config_options
def inspect_take(take: Path, out: Path | None, **choice: Unpack[Choice]) -> int:
    """Look at TAKE before training with it or trusting it: ranges, NaN, outliers, presence, and what it promises.

    Writes overlay and histograms as PNG with their data as CSV, in the place of an earlier inspection. Ends with 1 when
    a promise is broken.
    """
    rich_console = lab_module("rich.console")
    report = lab_module("choreo_pipelines.inspector.report")
    console = rich_console.Console(highlight=False, width=None if rich_console.Console().is_terminal else _PIPE_WIDTH)
    opened = read_take(find_take(take, choice))
    folder = out or REPORTS / f"{opened.path.resolve().name}_inspect"
    several = len(opened.performers) > 1
    parts = [folder / f"performer_{features.performer}" if several else folder for features in opened.performers]
    for part in parts:
        check_folder(part)  # before anything is shown or written
    broken = False
    for features, part in zip(opened.performers, parts, strict=True):
        found = findings(opened, features)
        report.print_report(opened, features, report_columns(features), found, console)
        broken |= any(promise.kept is False for promise in found)
        files = write_files(features, opened.meta, report.heading(opened, features), part)
        click.echo(f"wrote {part}: {', '.join(file.name for file in files)}")
    if not can_draw():
        click.echo(f"{MISSING_PLOTTER[0]}\n  fix: {MISSING_PLOTTER[1]}", err=True)
    return int(broken)


_PIPE_WIDTH: Final = 160  # without a terminal nothing says how long lines may be
