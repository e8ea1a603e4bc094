"""From an OSC address to the routes that read it, without pattern matching on anything a stranger sent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from choreo_adapters.osc.presets.layout import AXES, AxisRoute, Layout, Route

CACHE_SIZE: Final = 512  # addresses remembered; a flood of invented ones costs at most this much memory


@dataclass(frozen=True, slots=True)
class Match:
    """What an address means: the layout it belongs to, the device name found in it, and the routes to read.

    An address without routes, facts and axis is known and ignored.
    """

    layout: str
    device: str  # what stood at the placeholders, joined by "/"; empty where the layout has none
    routes: tuple[Route, ...] = ()
    facts: tuple[Route, ...] = ()  # what it tells about the device itself
    axis: tuple[AxisRoute, int] | None = None  # one number of a vector sent in pieces, and which
    patient: bool = False  # its silence may mean that nothing changed


class AddressBook:
    """Looks addresses up in the layouts given: fixed ones before those with placeholders, earlier layouts first."""

    def __init__(self, layouts: Iterable[Layout]) -> None:
        self._fixed: dict[str, Match] = {}
        self._templates: dict[int, list[_Template]] = {}  # by number of segments
        self._cache: dict[str, Match | None] = {}
        for layout in layouts:
            self._add(layout)

    def match(self, address: str) -> Match | None:
        """The meaning of `address`, or None for one no layout knows."""
        fixed = self._fixed.get(address)
        if fixed is not None:
            return fixed
        if address in self._cache:
            return self._cache[address]
        if len(self._cache) >= CACHE_SIZE:
            # The oldest goes: genuine addresses come back with the next sample for the price of one look-up.
            del self._cache[next(iter(self._cache))]
        found = self._cache[address] = self._find(address)
        return found

    def _add(self, layout: Layout) -> None:
        for address, meaning in _meanings(layout):
            if "{" not in address:
                self._fixed.setdefault(address, meaning)
                continue
            segments = tuple(None if s.startswith("{") else s for s in address.split("/"))
            self._templates.setdefault(len(segments), []).append(_Template(segments, meaning))

    def _find(self, address: str) -> Match | None:
        segments = address.split("/")
        for template in self._templates.get(len(segments), ()):
            pairs = list(zip(template.segments, segments, strict=True))
            if all(own == given if own is not None else given for own, given in pairs):
                device = "/".join(given for own, given in pairs if own is None)
                meaning = template.meaning
                return replace(meaning, device=device)
        return None


@dataclass(frozen=True, slots=True)
class _Template:
    segments: tuple[str | None, ...]  # None stands for a placeholder, which takes any one segment that is not empty
    meaning: Match  # without a device


def _meanings(layout: Layout) -> Iterator[tuple[str, Match]]:
    for address in dict.fromkeys(route.address for route in layout.routes):
        here = [route for route in layout.routes if route.address == address]
        streams = tuple(route for route in here if route.stream is not None)
        facts = tuple(route for route in here if route.fact)
        yield address, Match(layout.name, "", streams, facts, patient=layout.silence_means_unchanged)
    for axes in layout.axes:
        for index, name in enumerate(AXES):
            yield f"{axes.prefix}/{name}", Match(layout.name, "", axis=(axes, index))
