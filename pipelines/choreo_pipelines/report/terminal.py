"""The report for a terminal of 80 columns."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import Final

from choreo_pipelines.metrics import Outcome
from choreo_pipelines.report.checks import Check
from choreo_pipelines.report.tables import Table

WIDTH: Final = 80
_SHORT_HEADS: Final = {
    "clock only": "clock",
    "swapped body": "swap",
    "motion masked": "mask",
    "shuffled": "shuffle",
    "seasonal beat": "season beat",
    "seasonal bar": "season bar",
}


def terminal_text(heading: str, checks: Sequence[Check], tables: Sequence[Table], notes: Sequence[str]) -> str:
    """Tables, then every gate that did not pass with its reason, then what can't be known."""
    lines = [*_wrapped("", heading), ""]
    for table in tables:
        lines += [*_columns(table), ""]
    lines += _gates(checks)
    lines += ["", *(line for note in notes for line in _wrapped("- ", note))]
    return "\n".join(lines)


def _columns(table: Table) -> Iterator[str]:
    cells = [tuple(_SHORT_HEADS.get(head, head) for head in table.header), *table.rows]
    used = [c for c in range(len(table.header)) if any(row[c] for row in cells[1:])]
    widths = {c: max(len(row[c]) for row in cells) for c in used}
    for row in cells:
        rest = "  ".join(row[c].rjust(widths[c]) for c in used[1:])
        yield f"{row[0].ljust(widths[0])}  {rest}".rstrip()


def _gates(checks: Sequence[Check]) -> Iterator[str]:
    wide = max(len(check.name) for check in checks)
    for check in checks:
        verdict = check.verdict
        head = f"{_WORDS[verdict.outcome]}  {check.name.ljust(wide)}  "
        yield from _wrapped(head, verdict.reason or check.found)


_WORDS: Final = {Outcome.PASS: "pass", Outcome.FAIL: "FAIL", Outcome.NOT_COMPUTABLE: "n/c "}


def _wrapped(head: str, text: str) -> list[str]:
    """Lines in which names that hold a hyphen, models' for example, stay whole: they are there to be copied."""
    below = " " * len(head)
    lines = textwrap.wrap(text, WIDTH, initial_indent=head, subsequent_indent=below, break_on_hyphens=False)
    return lines or [head.rstrip()]
