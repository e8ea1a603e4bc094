"""Finding out what an app's acceleration numbers mean: apps differ between versions and platforms, and tables err."""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import Enum
from typing import Final

from choreo_adapters.osc.presets.layout import STANDARD_GRAVITY, AxisRoute, Route

WINDOW_NS: Final = 2_000_000_000
CHECK_NS: Final = 10_000_000_000  # how long a layout's own word is checked
MIN_SAMPLES: Final = 20  # per window: 10 Hz is the slowest setting worth deciding on


Read = tuple[str, float]  # stream, factor from the app's number to SI


class Meaning(Enum):
    """What the three numbers are."""

    SI_WITH_GRAVITY = "m/s^2 with gravity"
    G_WITH_GRAVITY = "g with gravity"
    WITHOUT_GRAVITY = "gravity removed, unit as in the layout"


class UnitProbe:
    """Watches one stream of one device and names its meaning once it is sure.

    Gravity is what does not average out: over a window the mean vector of a source that includes it is about 9.8 or
    about 1 long, also while the wearer moves moderately; near zero throughout means that gravity was removed. Anything
    else (a tumbling phone, dancing with gravity removed) stays undecided, and the next window is tried. Memory is
    constant. `steady` is how little the vector may turn: mean vector over mean length, 1 at rest.
    """

    def __init__(self, steady: float) -> None:
        self.meaning: Meaning | None = None
        self._steady = steady
        self._start_ns = 0
        self._count = 0
        self._sum = [0.0, 0.0, 0.0]
        self._length = 0.0

    def add(self, values: Sequence[float], t_ns: int) -> Meaning | None:
        """One raw sample of three finite numbers; the meaning once known, and from then on always the same."""
        if self.meaning is not None:
            return self.meaning
        if self._count == 0:
            self._restart(t_ns)
        self._count += 1
        self._sum = [s + v for s, v in zip(self._sum, values, strict=True)]
        self._length += math.hypot(*values)
        if t_ns - self._start_ns >= WINDOW_NS:
            if self._count >= MIN_SAMPLES:
                self.meaning = self._decide(math.hypot(*self._sum) / self._count, self._length / self._count)
            self._restart(t_ns)
        return self.meaning

    def _restart(self, t_ns: int) -> None:
        self._start_ns = t_ns
        self._count = 0
        self._sum = [0.0, 0.0, 0.0]
        self._length = 0.0

    def _decide(self, mean_vector: float, mean_length: float) -> Meaning | None:
        if mean_length < _AT_REST:
            return Meaning.WITHOUT_GRAVITY
        if mean_vector < self._steady * mean_length:
            return None
        if _SI_RANGE[0] <= mean_vector <= _SI_RANGE[1]:
            return Meaning.SI_WITH_GRAVITY
        if _G_RANGE[0] <= mean_vector <= _G_RANGE[1]:
            return Meaning.G_WITH_GRAVITY
        return None


class Units:
    """What the numbers of one device mean, by stream.

    An ambiguous route is measured before use. What a layout promises is played at once and checked during the first
    seconds: a phone that rests then and shows something else is believed more than the table.
    """

    def __init__(self) -> None:
        self._probes: dict[str, tuple[UnitProbe, int]] = {}  # stream -> its probe, when it began
        self._settled: dict[int, Read] = {}  # by id of the route; routes live as long as their tables
        self._differs: dict[str, str] = {}

    def read(self, route: Route | AxisRoute, raw: Sequence[float], t_ns: int) -> Read | None:
        """How to read a route's numbers; None while they are ambiguous."""
        return self._settled.get(id(route)) or self._measure(route, raw, t_ns)

    def _measure(self, route: Route | AxisRoute, raw: Sequence[float], t_ns: int) -> Read | None:
        stream = str(route.stream)
        promised = stream, route.scale
        if stream not in _CHECKED:
            return self._settle(route, promised)
        if stream not in self._probes:
            self._probes[stream] = UnitProbe(_STEADY if route.ambiguous else _AT_REST_ONLY), t_ns
        probe, began_ns = self._probes[stream]
        meaning = probe.add(raw, t_ns)
        read = promised if meaning is None else _measured(meaning, route)
        if route.ambiguous or read != promised:
            self._differs[stream] = meaning.value if meaning else "undecided"
        if meaning is not None or (not route.ambiguous and t_ns - began_ns > CHECK_NS):
            return self._settle(route, read)
        return None if route.ambiguous else promised

    def _settle(self, route: Route | AxisRoute, read: Read) -> Read:
        self._settled[id(route)] = read
        return read

    def facts(self) -> dict[str, str]:
        """Stream -> what was measured, for those that are ambiguous or are not as their layout says."""
        return dict(self._differs)


_CHECKED: Final = ("acceleration", "linear_acceleration", "gravity")
_STEADY: Final = 0.7  # also while the wearer moves moderately
_AT_REST_ONLY: Final = 0.98  # spinning on the spot shows a steady pull too
_AT_REST: Final = 0.35  # mean length of user acceleration while standing, in either unit
_SI_RANGE: Final = (7.0, 12.5)  # around 9.81, for moderate movement
_G_RANGE: Final = (0.7, 1.27)


def _measured(meaning: Meaning, route: Route | AxisRoute) -> Read:
    """How to read a route whose meaning is known."""
    if meaning is Meaning.WITHOUT_GRAVITY:
        return str(route.stream) if route.stream == "gravity" else "linear_acceleration", route.scale
    stream = "gravity" if route.stream == "gravity" else "acceleration"
    return stream, route.sign * (1.0 if meaning is Meaning.SI_WITH_GRAVITY else STANDARD_GRAVITY)
