"""A measured number beside what was aimed at, and the run it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Figure:
    """One number of one row of the table of faults."""

    row: int
    what: str
    value: float
    unit: str = ""
    at_most: float | None = None  # the aim; both None: nothing was aimed at
    at_least: float | None = None

    @property
    def verdict(self) -> str:
        """ "met", "missed", or "" where nothing was aimed at. A figure that is no number misses every aim."""
        if self.at_most is None and self.at_least is None:
            return ""
        low_enough = self.at_most is None or self.value <= self.at_most
        high_enough = self.at_least is None or self.value >= self.at_least
        return "met" if low_enough and high_enough else "missed"


@dataclass(frozen=True, slots=True)
class Section:
    """Figures of one run. A later run of the same `name` takes its place."""

    name: str
    how: str  # what ran, for whoever reads the table
    repeat: str  # the command
    machine: str
    load: str  # what else the machine did
    figures: tuple[Figure, ...]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Section:
        return cls(**{**kept, "figures": tuple(Figure(**figure) for figure in kept["figures"])})
