"""The process of `apart.py`: a pickled callable on standard input, (answer, problem, fix) on standard output."""

from __future__ import annotations

import pickle
import sys
from typing import Any

from choreo_service.errors import ChoreoError


def main() -> None:
    """Do what was asked."""
    answers, sys.stdout = sys.stdout.buffer, sys.stderr  # whatever a plug-in prints is no answer
    work = pickle.load(sys.stdin.buffer)  # noqa: S301 - of our own parent
    answer: tuple[Any, str, str]
    try:
        answer = work(), "", ""
    except ChoreoError as error:
        answer = None, error.problem, error.fix
    except Exception as error:  # noqa: BLE001 - a third party's settings may raise anything
        answer = None, f"{type(error).__name__}: {error}", "choreo config check"
    answers.write(pickle.dumps(answer, pickle.HIGHEST_PROTOCOL))
