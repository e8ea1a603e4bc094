"""Three messages of one number each become one vector again."""

from __future__ import annotations

from typing import Final

from choreo_adapters.osc.presets.layout import AXES

WINDOW_NS: Final = 50_000_000  # the axes of one sample leave the phone together; 20 Hz is the slowest worth playing


class AxisJoin:
    """Joins the axes of one stream of one device.

    A vector is complete when each axis came once within WINDOW_NS, in any order. An axis that comes again before the
    others, or too late for them, begins a new vector: numbers of two different moments are never mixed as long as
    datagrams of different moments don't overtake each other.
    """

    def __init__(self) -> None:
        self._held: dict[int, float] = {}  # axis -> its number
        self._began_ns = 0

    def add(self, axis: int, value: float, t_ns: int) -> tuple[tuple[float, ...] | None, int]:
        """(the complete vector or None, how many numbers had to be given up for this one)."""
        given_up = 0
        if axis in self._held or t_ns - self._began_ns > WINDOW_NS:
            given_up = len(self._held)
            self._held.clear()
        if not self._held:
            self._began_ns = t_ns
        self._held[axis] = value
        if len(self._held) < len(AXES):
            return None, given_up
        vector = tuple(self._held[i] for i in range(len(AXES)))
        self._held.clear()
        return vector, given_up
