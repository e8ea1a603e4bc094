"""The example plug-in installs as a package of its own, enters by the common door and passes its own tests."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

FIND = """
from choreo_service.registry import find
for kind, name in (("sensor", "line_sensor"), ("bridge", "line_bridge")):
    entry = find(kind, name)
    print(entry.load().__name__, entry.distribution, entry.version)
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The template, copied (a build writes beside its sources) and installed into a folder of its own."""
    source = Path(__file__).resolve().parents[2] / "adapters" / "template"
    copy = tmp_path_factory.mktemp("plugin") / "source"
    shutil.copytree(source, copy)
    target = copy.parent / "site"
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check"]
    subprocess.run(
        [sys.executable, "-m", "pip", "install", *options, "--target", target, copy], check=True, timeout=120
    )
    shutil.copytree(copy / "tests", copy.parent / "tests")
    return copy.parent


def _python(installed: Path, *arguments: str) -> str:
    path = os.pathsep.join(filter(None, [str(installed / "site"), os.environ.get("PYTHONPATH")]))
    environment = os.environ | {"PYTHONPATH": path}
    result = subprocess.run(
        [sys.executable, *arguments], cwd=installed, env=environment, capture_output=True, text=True, timeout=120
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def test_its_adapters_are_found_with_the_name_of_their_package(installed: Path) -> None:
    assert _python(installed, "-c", FIND).splitlines() == [
        "LineSensor choreo-example 0.1.0",
        "LineBridge choreo-example 0.1.0",
    ]


def test_a_user_finds_them(installed: Path) -> None:
    found = [line.split() for line in _python(installed, "-m", "choreo_service", "devices").splitlines()]
    assert ["line_sensor", "choreo-example", "0.1.0"] in found
    assert ["line_bridge", "choreo-example", "0.1.0"] in found


def test_its_own_tests_pass(installed: Path) -> None:
    assert " passed" in _python(installed, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests")
