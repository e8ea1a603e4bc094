"""The process of `apart.py`: a pickled callable on standard input, (answer, problem, fix) on standard output."""

from __future__ import annotations

import os
import pickle
import sys
from contextlib import suppress
from typing import Any

from choreo_service.errors import ChoreoError


def main() -> None:
    """Do what was asked, without the real-time priority that the show may have."""
    if hasattr(os, "sched_setscheduler"):
        with suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
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
