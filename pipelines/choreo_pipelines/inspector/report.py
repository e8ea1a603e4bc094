"""An inspection, for people."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from choreo_pipelines.generator import Promise
from choreo_pipelines.inspector.columns import FAR, ColumnReport
from choreo_pipelines.inspector.source import Features, Take


def print_report(
    take: Take, features: Features, columns: Sequence[ColumnReport], found: Sequence[Promise], console: Console
) -> None:
    """Heading, the table of columns, then what could be checked and what couldn't."""
    console.print(f"[bold]{escape(heading(take, features))}[/bold]")
    console.print(_columns(columns))
    console.print(_promises(found))


def heading(take: Take, features: Features) -> str:
    """One line that says which take and performer this is."""
    seconds = float(features.t_s[-1] - features.t_s[0])
    lasts = f"{seconds:.1f} s" if seconds < 120 else f"{seconds / 60:.1f} min"
    one = len(take.performers) == 1
    who = "" if one else f", performer {features.performer} of {len(take.performers)}"
    return f"{take.meta['name']} ({take.meta['source']}){who}, {lasts}, {len(features.t_s)} frames"


def _columns(columns: Sequence[ColumnReport]) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("column", no_wrap=True)
    table.add_column("unit", no_wrap=True)
    for title in ("min", "median", "max", "NaN", f"beyond {FAR:g} sd", "present"):
        table.add_column(title, justify="right", no_wrap=True)
    for c in columns:
        numbers = (c.minimum, c.median, c.maximum)
        cells = [*("-" if v is None else f"{v:.4g}" for v in numbers), _share(c.nan_share), _share(c.outlier_share)]
        style = "red" if c.nan_share else "dim" if not c.present_share else None
        table.add_row(c.name, c.unit, *cells, _share(c.present_share), style=style)
    return table


def _promises(found: Sequence[Promise]) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    for _ in range(4):
        table.add_column(overflow="fold")
    for promise in found:
        mark = {True: "[green]kept[/green]", False: "[red]BROKEN[/red]", None: "[dim]not checked[/dim]"}[promise.kept]
        expected = "" if promise.kept is None else f"expected {promise.expected}"
        table.add_row(mark, promise.name, escape(promise.found), escape(expected))
    return table


def _share(share: float | None) -> str:
    """Percent that never round something to nothing, nor nearly everything to everything."""
    if share is None:
        return "-"
    percent = 100.0 * share
    if 0 < percent < 0.01:
        return "<0.01 %"
    if 99.99 < percent < 100:
        return ">99.99 %"
    return f"{percent:.3g} %" if percent < 99 else f"{percent:.2f} %" if percent < 100 else "100 %"
