"""`choreo --help` answers at once: it lists every command and imports none of them."""

from __future__ import annotations

import subprocess
import sys

import click
import pytest

from choreo_service.cli import COMMANDS, choreo

HEAVY = {"numpy", "torch", "aiohttp", "pyarrow", "matplotlib", "pydantic", "yaml", "asyncio"}
MODULES_AFTER = """
import sys
from choreo_service.cli import choreo
from choreo_service.cli.failure import exit_code_of
code = exit_code_of(choreo, sys.argv[1:])
print(*sorted(name.split('.')[0] for name in sys.modules))
sys.exit(code)
"""


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", MODULES_AFTER, *arguments], capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("option", ["--help", "-h", "--version"])
def test_the_root_imports_nothing_heavy(option: str) -> None:
    done = _run(option)
    assert done.returncode == 0
    assert HEAVY.isdisjoint(done.stdout.splitlines()[-1].split())


def test_the_check_above_would_see_a_heavy_import() -> None:
    assert "pydantic" in _run("config", "check").stdout.splitlines()[-1].split()


@pytest.mark.parametrize("name", COMMANDS)
def test_every_listed_command_exists_and_tells_what_the_list_says(name: str) -> None:
    command = choreo.get_command(click.Context(choreo), name)
    assert command is not None
    assert command.name == name
    text = command.get_help(click.Context(command, info_name=name))
    assert len(text.splitlines()) > 3
    assert command.help


def test_commands_are_listed_in_the_order_a_newcomer_needs_them() -> None:
    assert choreo.list_commands(click.Context(choreo)) == [
        "demo",
        "run",
        "record",
        "takes",
        "top",
        "replay",
        "devices",
        "phone",
        "doctor",
        "calibrate",
        "init",
        "service",
        "support-bundle",
        "config",
    ]
