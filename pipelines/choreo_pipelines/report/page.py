"""The report as one HTML file that needs nothing else: no script, no font, no address."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Final

from choreo_pipelines.metrics import Outcome
from choreo_pipelines.report.checks import Check
from choreo_pipelines.report.figures import Drawing
from choreo_pipelines.report.inline_svg import inline_svg
from choreo_pipelines.report.page_style import CSS
from choreo_pipelines.report.tables import Table
from choreo_pipelines.report.wording import NONE, SHORT, spoken

_CLASSES: Final = {Outcome.PASS: "pass", Outcome.FAIL: "fail", Outcome.NOT_COMPUTABLE: "unknown"}
_WORDS: Final = {SHORT[outcome]: name for outcome, name in _CLASSES.items()}


def page(
    name: str,
    facts: str,
    checks: Sequence[Check],
    tables: Sequence[Table],
    drawings: Sequence[Drawing],
    svgs: Mapping[str, str],
    notes: Sequence[str],
) -> str:
    """The whole page; `svgs` are the drawings' files by name. The first table stands before the figures."""
    title = f"Groove report: {name}"
    parts = [
        f"<h1>{escape(title)}</h1>",
        f'<p class="facts">{escape(facts)}</p>',
        "<h2>Gates</h2>",
        *_gates(checks),
        "<h2>Before you trust it</h2>",
        "<ul>",
        *(f"<li>{_text(note)}</li>" for note in notes),
        "</ul>",
        *_table(tables[0]),
        *(line for drawing in drawings for line in _figure(drawing, svgs)),
        *(line for table in tables[1:] for line in _table(table)),
    ]
    return "\n".join([*_head(title), *parts, "</main>", "</body>", "</html>", ""])


def _head(title: str) -> list[str]:
    return [
        "<!doctype html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(title)}</title>",
        f"<style>\n{CSS}\n</style>",
        "</head>",
        "<body>",
        "<main>",
    ]


def _gates(checks: Sequence[Check]) -> Iterator[str]:
    yield '<ul class="gates">'
    for check in checks:
        yield (
            f'<li class="{_CLASSES[check.verdict.outcome]}"><b>{escape(check.asks)}</b>'
            f'<span class="verdict">{_text(spoken(check.verdict))}</span>'
            f"{_small('found', check.found)}{_small('asked', check.gate)}</li>"
        )
    yield "</ul>"


def _text(text: str) -> str:
    """Escaped, with command line options kept on one line."""
    return re.sub(r"--[a-z]+(?:-[a-z]+)*(?: \d+)?", r"<code>\g<0></code>", escape(text))


def _small(word: str, text: str) -> str:
    return "" if text == NONE else f"<small>{word}: {escape(text)}</small>"


def _figure(drawing: Drawing, svgs: Mapping[str, str]) -> Iterator[str]:
    yield f"<h2>{escape(drawing.title)}</h2>"
    if drawing.figure is None:
        yield f'<p class="about">Not drawn: {escape(drawing.missing)}.</p>'
        return
    yield "<figure>"
    yield f'<div class="wide" tabindex="0" role="group" aria-label="{escape(drawing.title, quote=True)}">'
    yield inline_svg(svgs[drawing.name], drawing.name, drawing.alt)
    yield "</div>"
    yield f"<figcaption>{escape(drawing.caption)}</figcaption>"
    yield "</figure>"


def _table(table: Table) -> Iterator[str]:
    yield f"<h2>{escape(table.title)}</h2>"
    yield f'<p class="about">{escape(table.about)}</p>'
    yield f'<div class="wide" tabindex="0" role="group" aria-label="{escape(table.title, quote=True)}">'
    yield "<table>"
    heads = "".join(f'<th scope="col">{escape(head)}</th>' for head in table.header)
    yield f"<thead><tr>{heads}</tr></thead>"
    yield "<tbody>"
    for first, *rest in table.rows:
        cells = "".join(_cell(text) for text in rest)
        yield f'<tr><th scope="row">{escape(first)}</th>{cells}</tr>'
    yield "</tbody></table></div>"


def _cell(text: str) -> str:
    kind = _WORDS.get(text)
    return f'<td class="word-{kind}">{escape(text)}</td>' if kind else f"<td>{escape(text)}</td>"
