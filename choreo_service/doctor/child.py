"""Asking something that may hang or crash: in a process of its own, with a time limit."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any


class NoAnswer(Exception):
    """The child said nothing usable; the text says why."""


def ask(module: str, *arguments: str, timeout_s: float) -> Any:
    """What `python -m module arguments` prints as JSON on its last line. Raises NoAnswer."""
    command = [sys.executable, "-P", "-m", module, *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)  # noqa: S603
    except subprocess.TimeoutExpired:
        raise NoAnswer(f"no answer within {timeout_s:g} s") from None
    lines = done.stdout.strip().splitlines()
    if done.returncode != 0 or not lines:
        said = done.stderr.strip().splitlines()
        raise NoAnswer(said[-1] if said else f"it ended with exit code {done.returncode}")
    try:
        return json.loads(lines[-1])
    except json.JSONDecodeError:
        raise NoAnswer(f"it answered {lines[-1]!r:.60}") from None
