"""What may not be loaded before it is needed: `choreo --help` answers at once, and the stage never loads the studio."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("numpy", "torch", "aiohttp", "pyarrow", "matplotlib", "choreo_pipelines")


def _loaded_by(statement: str) -> set[str]:
    """Top-level modules a fresh interpreter holds after `statement`."""
    code = f"{statement}\nimport sys\nprint(*sorted({{name.split('.')[0] for name in sys.modules}}))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    return set(result.stdout.split())


def test_the_command_line_loads_nothing_heavy() -> None:
    assert _loaded_by("import choreo_service.cli").isdisjoint(HEAVY)


def test_the_watcher_of_a_standby_loads_nothing_heavy() -> None:
    assert _loaded_by("import choreo_service.standby.watcher").isdisjoint(HEAVY)


@pytest.mark.parametrize("module", ["choreo_service.service.runtime", "choreo_service.cli.run"])
def test_the_stage_loads_neither_the_studio_nor_a_plotter(module: str) -> None:
    assert _loaded_by(f"import {module}").isdisjoint({"choreo_pipelines", "matplotlib"})


@pytest.mark.parametrize("module", ["models", "refusals"])
def test_what_is_refused_waits_for_no_web_server(module: str) -> None:
    assert "aiohttp" not in _loaded_by(f"import choreo_service.service.{module}")
    assert "aiohttp" in _loaded_by("import choreo_service.service.runtime")


def test_the_question_can_be_answered_with_yes() -> None:
    assert "numpy" in _loaded_by("import numpy")
