"""Rows of the two tables that tell what happened beside the ticks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal, NamedTuple

EventKind = Literal["marker", "command", "clock", "recorder"]
NO_DATA: Final[Mapping[str, Any]] = {}


class SentRow(NamedTuple):
    """One control of one performer as one bridge really sent it."""

    k: int
    t_ns: int  # when the tick was due
    performer: int
    bridge: str  # the user's name for it
    control: str
    value: float  # as it stands on the wire


class Event(NamedTuple):
    """Something that happened at a time of the take's own clock."""

    t_ns: int
    kind: EventKind
    text: str  # a marker's label, a command's verb
    data: Mapping[str, Any] = NO_DATA  # plain JSON types
