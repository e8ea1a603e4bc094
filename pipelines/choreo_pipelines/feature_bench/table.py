"""The rows for a terminal of 80 columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Final

from choreo_pipelines.feature_bench.row import Row

WIDTH: Final = 80


def text(rows: Sequence[Row]) -> str:
    """A block per feature: ours, the prototype's, and a word where a figure is worse than it may be."""
    return "\n".join(_lines(rows))


def _lines(rows: Sequence[Row]) -> Iterator[str]:
    yield f"{'':42}{'ours':>8} {'':6} prototype"
    for feature, group in groupby(rows, key=lambda row: row.feature):
        yield feature
        for row in group:
            mark = "" if row.is_good else "  MISS"
            yield f"  {row.what:40}{_number(row.ours):>8} {row.unit:6} {row.prototype:12}{mark}".rstrip()


def _number(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 100 or value == 0 else f"{value:.3g}"
