"""The measured part of docs/reliability.md: kept as docs/figures.json, written between two marks, never by hand.

`python -m bench.published` writes the page anew from what is kept.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from bench.figures import Figure, Section

ROOT: Final = Path(__file__).resolve().parent.parent
PAGE: Final = Path("docs/reliability.md")
KEPT: Final = Path("docs/figures.json")
BEGIN: Final = "<!-- figures: written by `make soak`; change bench/soak, not these lines -->"
END: Final = "<!-- end of figures -->"


class PageError(Exception):
    """The page has no place for the figures."""


def publish(section: Section, root: Path = ROOT) -> None:
    """Put `section` in the place of the one of its name, and write the page anew."""
    others = [other for other in kept(root) if other.name != section.name]
    sections = sorted([*others, section], key=lambda one: (min(f.row for f in one.figures), one.name))
    written = page_with((root / PAGE).read_text("utf-8"), sections)
    (root / KEPT).write_text(json.dumps([one.to_json() for one in sections], indent=1) + "\n", encoding="utf-8")
    (root / PAGE).write_text(written, encoding="utf-8")


def kept(root: Path = ROOT) -> list[Section]:
    """All sections that were ever measured, in the order of their rows; none if there is no file yet."""
    if not (root / KEPT).exists():
        return []
    return [Section.from_json(one) for one in json.loads((root / KEPT).read_text("utf-8"))]


def write_page(root: Path = ROOT) -> None:
    page = root / PAGE
    page.write_text(page_with(page.read_text("utf-8"), kept(root)), encoding="utf-8")


def page_with(page: str, sections: Iterable[Section]) -> str:
    """`page` with these sections between its marks. PageError says which mark is missing."""
    for mark in (BEGIN, END):
        if page.count(mark) != 1:
            raise PageError(f"{PAGE}: found {page.count(mark)} times, expected once: {mark}")
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return "\n\n".join([before + BEGIN, *map(text, sections), END + after])


def text(section: Section) -> str:
    """One section as Markdown."""
    head = [f"### {section.name}", f"{section.how} {section.machine}; {section.load}. `{section.repeat}`", ""]
    return "\n".join([*head, "| row | what | measured | target | |", "|---|---|---|---|---|", *_rows(section.figures)])


def _rows(figures: Sequence[Figure]) -> list[str]:
    return [
        f"| {f.row} | {f.what} | {_number(f.value)}{_unit(f)} | {_aim(f)} | {_verdict(f)} |"
        for f in sorted(figures, key=lambda figure: figure.row)
    ]


def _verdict(figure: Figure) -> str:
    return "**missed**" if figure.verdict == "missed" else figure.verdict


def _aim(figure: Figure) -> str:
    ends = [f">= {_number(figure.at_least)}"] if figure.at_least is not None else []
    ends += [f"<= {_number(figure.at_most)}"] if figure.at_most is not None else []
    return ", ".join(ends) + _unit(figure) if ends else ""


def _unit(figure: Figure) -> str:
    return f" {figure.unit}" if figure.unit else ""


def _number(value: float) -> str:
    """Three digits that count, whole numbers in full."""
    if value == round(value):
        return f"{value:,.0f}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


if __name__ == "__main__":
    write_page()
