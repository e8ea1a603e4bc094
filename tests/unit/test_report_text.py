"""How a report reads: 80 columns in the terminal, one page that needs nothing else, Markdown without surprises."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from metrics_takes import take
from report_takes import ALL, played, subject, variants

from choreo_pipelines.metrics import Outcome, Verdict
from choreo_pipelines.report import Measured, Subject, measure, write_report
from choreo_pipelines.report.checks import Check, checks
from choreo_pipelines.report.inline_svg import inline_svg
from choreo_pipelines.report.markdown import markdown
from choreo_pipelines.report.measure import Clip
from choreo_pipelines.report.notes import notes
from choreo_pipelines.report.page import page
from choreo_pipelines.report.tables import Table, tables
from choreo_pipelines.report.terminal import WIDTH, terminal_text
from choreo_pipelines.report.wording import listed, number, percent, probability

DANCER = take()
EVIL = '<script>alert(1)</script> & "a|b" *c* [d](e)'
VOID = {"meta", "br"}


class _Reader(HTMLParser):
    """Checks that every element is closed in order, and collects ids and addresses."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.addresses: list[str] = []
        self.labels: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in VOID:
            self.open.append(tag)
        self._note(attrs)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self._note(attrs)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def _note(self, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            if name in ("src", "href", "xlink:href", "data"):
                self.addresses.append(value or "")
            if name == "aria-label":
                self.labels.append(value or "")


def read(text: str) -> _Reader:
    reader = _Reader()
    reader.feed(text)
    reader.close()
    assert reader.open == []
    return reader


@pytest.fixture(scope="module")
def dancer() -> tuple[Subject, Measured, Clip]:
    one = subject(played(DANCER))
    return (one, *measure(one, variants(DANCER)))


@pytest.fixture(scope="module")
def written(dancer: tuple[Subject, Measured, Clip], tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("matplotlib")
    one, measured, clip = dancer
    folder = tmp_path_factory.mktemp("reports") / "made"
    write_report(folder, one, variants(DANCER), measured, clip)
    return folder


def test_a_name_to_copy_stays_whole(dancer: tuple[Subject, Measured, Clip]) -> None:
    _, measured, clip = dancer
    heading = "a take of " + "so " * 20 + "many words, played by rps-caaaff29+mapper-fa86078c"
    assert "rps-caaaff29+mapper-fa86078c" in terminal_text(heading, checks(measured), tables(measured, clip), ())


def test_the_terminal_text_fits_80_columns(dancer: tuple[Subject, Measured, Clip]) -> None:
    one, measured, clip = dancer
    said = notes(one, variants(DANCER), measured)
    text = terminal_text("a take " * 30, checks(measured), tables(measured, clip), said)
    assert max(len(line) for line in text.splitlines()) <= WIDTH
    rows = {line.split("  ")[0]: line for line in text.splitlines()}
    assert rows["density C0"].split()[2:4] == [number(measured.readings["take"].phase.c0), "1.00"]
    assert rows["density C0"].endswith("pass")
    assert "n/c   stays the same" in text


def test_a_take_without_beat_says_so_in_the_terminal() -> None:
    one = subject(played(DANCER), ALL - {"beat"})
    measured, clip = measure(one, variants(DANCER))
    text = terminal_text("x", checks(measured), tables(measured, clip), notes(one, variants(DANCER), measured))
    assert max(len(line) for line in text.splitlines()) <= WIDTH
    assert "No beat was recorded" in text
    assert "lagged ridge" not in text  # a table of dashes tells nothing


def test_the_page_is_well_formed_and_needs_nothing_else(written: Path) -> None:
    text = (written / "report.html").read_text("utf-8")
    reader = read(text)
    assert len(reader.ids) == len(set(reader.ids)) > 50
    assert set(reader.tags) & {"script", "link", "img", "iframe", "image"} == set()
    assert all(address.startswith("#") for address in reader.addresses)
    assert {address[1:] for address in reader.addresses} <= set(reader.ids)
    assert {f[1:] for f in re.findall(r"url\((#[^)]+)\)", text)} <= set(reader.ids)
    assert "@import" not in text
    assert "prefers-color-scheme: dark" in text
    assert "@media print" in text
    assert reader.tags.count("svg") == 3
    assert any("Rose plot" in label for label in reader.labels)


def test_figures_follow_the_page_into_dark_mode(written: Path) -> None:
    text = (written / "report.html").read_text("utf-8")
    drawings = text[text.index("<svg") :]
    assert "var(--ink)" in drawings
    assert "#1b1b1b" not in drawings
    assert "#ffffff" not in drawings.lower()


def test_names_and_reasons_are_text_and_never_markup() -> None:
    evil = Check(EVIL, EVIL, EVIL, EVIL, Verdict(Outcome.FAIL, EVIL))
    table = Table(EVIL, EVIL, (EVIL, EVIL), ((EVIL, EVIL),))
    html = page(EVIL, EVIL, [evil], [table], [], {}, [EVIL])
    assert "script" not in read(html).tags
    text = markdown(EVIL, EVIL, [evil], [table], [], [EVIL])
    assert "<script>" not in text
    rows = [line for line in text.splitlines() if line.startswith("| \\<")]
    assert [row.replace("\\|", "").count("|") for row in rows] == [5, 3, 3]  # the reason's own bars made no cells


def test_markdown_names_the_files_it_shows(written: Path) -> None:
    text = (written / "report.md").read_text("utf-8")
    shown = re.findall(r"\]\((figures/[^)]+)\)", text)
    assert len(shown) == 3
    assert all((written / name).is_file() for name in shown)
    assert "# Groove report: made" in text


def test_an_inlined_drawing_keeps_its_references_and_gets_its_text() -> None:
    svg = (
        '<?xml version="1.0"?><!DOCTYPE svg><svg width="10pt" height="5pt" viewBox="0 0 10 5"><metadata>who</metadata>'
        '<defs><path id="a"/></defs><use xlink:href="#a" clip-path="url(#c)" style="fill: #1B1B1B"/></svg>'
    )
    assert inline_svg(svg, "fig", 'a "b" <c>') == (
        '<svg viewBox="0 0 10 5" role="img" aria-label="a &quot;b&quot; &lt;c&gt;">'
        '<defs><path id="fig-a"/></defs>'
        '<use xlink:href="#fig-a" clip-path="url(#fig-c)" style="fill: var(--ink)"/></svg>'
    )


@pytest.mark.parametrize(
    ("share", "expected"),
    [(0.0, "0 %"), (0.0004, "<0.1 %"), (0.05, "5 %"), (0.123, "12.3 %"), (0.9996, ">99.9 %"), (1.0, "100 %")],
)
def test_percent_never_rounds_something_to_nothing(share: float, expected: str) -> None:
    assert percent(share) == expected


def test_numbers_and_lists_are_said_as_people_do() -> None:
    said: Sequence[str] = (number(None), number(np.nan), number(-0.001), number(0.25, sign=True), number(61.4, 0))
    assert list(said) == ["-", "-", "0.00", "+0.25", "61"]
    assert (probability(None), probability(1e-9), probability(0.0312)) == ("", "p < 0.001", "p = 0.031")
    assert [listed(words) for words in ((), ("a",), ("a", "b"), ("a", "b", "c"))] == ["", "a", "a and b", "a, b and c"]
