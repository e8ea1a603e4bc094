"""How a training ends before its last step."""

from __future__ import annotations

from choreo_service.errors import ChoreoError


class TrainingError(ChoreoError):
    """The training can't go on: its numbers are no longer finite, or its state can't be written or read."""


class TrainingInterrupted(ChoreoError):
    """The user pressed Ctrl-C. What is saved can be resumed."""

    exit_code = 130  # what shells report for SIGINT
