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
    gates = Table(
        "Gates",
        "",
        ("gate", "found", "asked", "verdict"),
        tuple((check.name, check.found, check.gate, spoken(check.verdict)) for check in checks),
    )
    lines = [f"# Groove report: {_plain(name)}", "", _plain(facts), *_table(gates)]
    lines += ["", "## Before you trust it", "", *(f"- {_plain(note)}" for note in notes)]
    for drawing in drawings:
        lines += ["", f"## {_plain(drawing.title)}", ""]
        if drawing.figure is None:
            lines.append(f"Not drawn: {_plain(drawing.missing)}.")
        else:
            lines += [f"![{_plain(drawing.alt)}](figures/{drawing.name}.png)", "", _plain(drawing.caption)]
    for table in tables:
        lines += _table(table)
    return "\n".join([*lines, ""])


def _table(table: Table) -> Iterator[str]:
    yield from ("", f"## {_plain(table.title)}", "")
    if table.about:
        yield from (_plain(table.about), "")
    yield _row([_plain(head) for head in table.header])
    yield _row(["---", *["---:"] * (len(table.header) - 1)])
    for row in table.rows:
        yield _row([_plain(cell) for cell in row])


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _plain(text: str) -> str:
    """Text in which Markdown finds nothing to interpret."""
    return "".join(f"\\{sign}" if sign in r"\`*_[]<>|#" else sign for sign in text)
