"""docs/reliability.md names tests that exist, and leaves no fault out."""

from __future__ import annotations

import re
from pathlib import Path

PATH = re.compile(r"`((?:tests/)?[a-z_/]*(?:/|test_)[a-z0-9_]+(?:\.py)?)`")


def rows(repo_root: Path) -> list[list[str]]:
    by_hand, _, _ = (repo_root / "docs" / "reliability.md").read_text("utf-8").partition("\n## Measured\n")
    lines = by_hand.splitlines()
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if re.match(r"\| \d+ \|", line)]


def test_every_row_has_its_fault_its_test_its_figure_and_its_target(repo_root: Path) -> None:
    assert [int(row[0]) for row in rows(repo_root)] == list(range(1, 33))
    assert {len(row) for row in rows(repo_root)} == {5}


def test_every_test_it_names_is_there(repo_root: Path) -> None:
    for number, _, shown_by, figure, _ in rows(repo_root):
        folder = repo_root
        for name in PATH.findall(shown_by + figure):
            path = repo_root / name if name.startswith("tests/") else folder / name
            assert path.exists(), f"row {number}: {name}"
            folder = path.parent
        measured = any(word in shown_by for word in ("make bench", "make soak", "not shown"))
        assert PATH.search(shown_by) or measured, f"row {number}"
