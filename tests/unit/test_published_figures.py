"""docs/reliability.md: what was measured stands beside what was aimed at, and what misses it says so."""

from __future__ import annotations

import math
import os
from dataclasses import replace
from pathlib import Path

import pytest

from bench import published
from bench.figures import Figure, Section
from bench.machine import machine

GOOD = Figure(3, "tick late, p99", 1.25, "ms", at_most=2.0)
BAD = Figure(1, "slots skipped", 0.3, "%", at_most=0.1)
PLAIN = Figure(2, "datagrams", 1234567.0)
SECTION = Section("A hog", "One program computes.", "make soak", "2 cores (Z80)", "load 1.0", (GOOD, BAD, PLAIN))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project with a page, written by hand around the marks."""
    (tmp_path / "docs").mkdir()
    (tmp_path / published.PAGE).write_text(f"above\n\n{published.BEGIN}\nold\n{published.END}\n\nbelow\n", "utf-8")
    return tmp_path


def test_a_missed_figure_is_marked_and_one_without_an_aim_is_not_judged() -> None:
    assert published.text(SECTION).splitlines()[-3:] == [
        "| 1 | slots skipped | 0.3 % | <= 0.1 % | **missed** |",
        "| 2 | datagrams | 1,234,567 |  |  |",
        "| 3 | tick late, p99 | 1.25 ms | <= 2 ms | met |",
    ]


def test_machine_load_and_command_stand_above_the_figures() -> None:
    head = published.text(SECTION).splitlines()[:2]
    assert head == ["### A hog", "One program computes. 2 cores (Z80); load 1.0. `make soak`"]


@pytest.mark.parametrize(
    ("value", "at_least", "at_most", "verdict"),
    [
        (1.0, None, 1.0, "met"),
        (1.001, None, 1.0, "missed"),
        (5.0, 6.0, None, "missed"),
        (6.0, 6.0, None, "met"),
        (5.0, 1.0, 4.0, "missed"),
        (math.nan, None, 1.0, "missed"),
        (math.nan, 1.0, None, "missed"),
        (5.0, None, None, ""),
    ],
)
def test_an_aim_is_met_or_missed(value: float, at_least: float | None, at_most: float | None, verdict: str) -> None:
    assert Figure(1, "", value, at_least=at_least, at_most=at_most).verdict == verdict


def test_a_new_run_takes_the_place_of_the_old_one_and_what_is_written_by_hand_stays(root: Path) -> None:
    later = Section("Flood", "Much.", "make soak", "", "", (replace(GOOD, row=15),))
    for section in (later, SECTION, replace(SECTION, figures=(replace(BAD, value=0.05), GOOD))):
        published.publish(section, root)
    page = (root / published.PAGE).read_text("utf-8")
    assert page.startswith("above\n\n")
    assert page.endswith("\n\nbelow\n")
    assert "old" not in page
    assert page.count("### A hog") == 1
    assert "missed" not in page
    assert page.index("### A hog") < page.index("### Flood")  # in the order of the rows
    assert [one.name for one in published.kept(root)] == ["A hog", "Flood"]


@pytest.mark.parametrize("mark", [published.BEGIN, published.END])
def test_a_page_without_a_mark_is_left_alone_and_the_mark_is_named(root: Path, mark: str) -> None:
    page = root / published.PAGE
    page.write_text(page.read_text("utf-8").replace(mark, ""), "utf-8")
    before = page.read_text("utf-8")
    with pytest.raises(published.PageError, match=mark):
        published.publish(SECTION, root)
    assert page.read_text("utf-8") == before
    assert not published.kept(root)


def test_the_page_is_what_the_kept_figures_say(repo_root: Path) -> None:
    page = (repo_root / published.PAGE).read_text("utf-8")
    assert page == published.page_with(page, published.kept(repo_root)), "write it: python -m bench.published"


def test_the_machine_is_told_without_its_name() -> None:
    told = machine()
    assert f"{os.cpu_count()} cores" in told
    assert os.uname().nodename not in told
