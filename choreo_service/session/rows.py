"""Rows of the two tables that tell what happened beside the ticks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal, NamedTuple

EventKind = Literal["marker", "command", "clock", "recorder"]
NO_DATA: Final[Mapping[str, Any]] = {}


class SentRow(NamedTuple):
    """One control, or an accent, of one performer as one bridge really sent it.

    A panic and what a new receiver gets go out between two ticks and belong to the one before; k and t_ns are 0 where
    there was none yet. Rows stand in the order in which they went out.
    """

    k: int
    t_ns: int  # when the tick was due; of an accent, the stamp of the packet that showed it
    performer: int
    bridge: str  # the user's name for it
    control: str  # or ACCENT
    value: float  # as it stands on the wire; an accent's strength, 0..1


class Event(NamedTuple):
    """Something that happened at a time of the take's own clock."""

    t_ns: int
    kind: EventKind
    text: str  # a marker's label, a command's verb
    data: Mapping[str, Any] = NO_DATA  # plain JSON types
