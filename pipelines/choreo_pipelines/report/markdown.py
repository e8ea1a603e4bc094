"""The report as Markdown, for a repository or a mail."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from choreo_pipelines.report.checks import Check
from choreo_pipelines.report.figures import Drawing
from choreo_pipelines.report.tables import Table
from choreo_pipelines.report.wording import spoken


def markdown(
    name: str,
    facts: str,
    checks: Sequence[Check],
    tables: Sequence[Table],
    drawings: Sequence[Drawing],
    notes: Sequence[str],
) -> str:
    """Same content as the page; figures by their files."""
    lines = [f"# Groove report: {plain(name)}", "", plain(facts), *_table(gates(checks))]
    lines += ["", "## Before you trust it", "", *(f"- {plain(note)}" for note in notes)]
    for drawing in drawings:
        lines += ["", f"## {plain(drawing.title)}", ""]
        if drawing.figure is None:
            lines.append(f"Not drawn: {plain(drawing.missing)}.")
        else:
            lines += [f"![{plain(drawing.alt)}](figures/{drawing.name}.png)", "", plain(drawing.caption)]
    for table in tables:
        lines += _table(table)
    return "\n".join([*lines, ""])


def rows(table: Table) -> Iterator[str]:
    """The lines of a table, its head first; numbers stand to the right."""
    yield _row([plain(head) for head in table.header])
    yield _row(["---", *["---:"] * (len(table.header) - 1)])
    for row in table.rows:
        yield _row([plain(cell) for cell in row])


def plain(text: str) -> str:
    """Text in which Markdown finds nothing to interpret."""
    return "".join(f"\\{sign}" if sign in r"\`*_[]<>|#" else sign for sign in text)


def gates(checks: Sequence[Check]) -> Table:
    """A row per gate: what it asks and what it found."""
    told = tuple((check.name, check.found, check.gate, spoken(check.verdict)) for check in checks)
    return Table("Gates", "", ("gate", "found", "asked", "verdict"), told)


def _table(table: Table) -> Iterator[str]:
    yield from ("", f"## {plain(table.title)}", "")
    if table.about:
        yield from (plain(table.about), "")
    yield from rows(table)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
