"""Whatever stands in the folder choreo is started in, none of its child processes takes a file there for a module."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from choreo_service.doctor.child import NoAnswer, ask

PACKAGES = ("choreo_service", "adapters/choreo_adapters", "models/choreo_models", "pipelines/choreo_pipelines")


def interpreters(path: Path) -> Iterator[str]:
    """`file:line` of each command line that begins with our interpreter and lets it look into the current folder."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.List | ast.Tuple) and node.elts and ast.unparse(node.elts[0]) == "sys.executable":
            safe = len(node.elts) > 1 and ast.unparse(node.elts[1]) == "'-P'"
            if not safe:
                yield f"{path.name}:{node.lineno}"


def test_every_child_is_started_without_the_current_folder_on_its_path(repo_root: Path) -> None:
    files = [path for package in PACKAGES for path in (repo_root / package).rglob("*.py")]
    assert [found for path in files for found in interpreters(path)] == []
    assert sum("sys.executable" in path.read_text("utf-8") for path in files) >= 8


def test_one_that_looks_there_is_seen(tmp_path: Path) -> None:
    unsafe = tmp_path / "unsafe.py"
    unsafe.write_text(
        'import sys\nfirst = [sys.executable, "-m", "json"]\nsecond = (sys.executable, "-P", "-m", "x")\n'
    )
    assert list(interpreters(unsafe)) == ["unsafe.py:2"]


def test_a_file_called_like_a_module_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "json.py").write_text("import pathlib; pathlib.Path('ran').touch()")
    monkeypatch.chdir(tmp_path)
    with suppress(NoAnswer):  # there is no MIDI everywhere
        ask("choreo_service.doctor.midi", timeout_s=20.0)
    assert not (tmp_path / "ran").exists()
