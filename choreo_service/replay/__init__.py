"""Exact replay: the same packets at the same ticks through the same core give the same bytes.

Not to be confused with the sensor `session_replay`, which plays a take through the normal door in real time and is
stamped anew.
"""

from choreo_service.replay.compare import first_difference
from choreo_service.replay.take import (
    SETTINGS_OF_A_TAKE,
    FindModels,
    ReplayReport,
    replay_take,
    require_performers,
    settings_of,
)
from choreo_service.replay.tape import Tape, TapeEntry, replay_accents, replay_tape, take_entries

__all__ = [
    "SETTINGS_OF_A_TAKE",
    "FindModels",
    "ReplayReport",
    "Tape",
    "TapeEntry",
    "first_difference",
    "replay_accents",
    "replay_take",
    "replay_tape",
    "require_performers",
    "settings_of",
    "take_entries",
]
