"""Addresses no layout knows: counted, shown with their numbers, and with a guess the user can paste and correct."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from choreo_adapters.osc.presets.mapping import ADDRESS_PATTERN, STREAM_UNITS

KEPT: Final = 16  # addresses; the oldest makes room
NUMBERS_KEPT: Final = 6


@dataclass(slots=True)
class Stranger:
    """One unknown address."""

    numbers: tuple[float, ...]  # finite ones among the first arguments of its first message, which the guess is from
    positions: tuple[int, ...]  # where in the message they stood
    newest: tuple[float, ...] = ()
    count: int = 0


class Strangers:
    """The last addresses no layout knew, oldest first; memory is bounded by KEPT."""

    def __init__(self) -> None:
        self._known: dict[str, Stranger] = {}

    def __bool__(self) -> bool:
        return bool(self._known)

    @property
    def latest(self) -> str:
        """The address that came up last; KeyError where there is none."""
        if not self._known:
            raise KeyError("no unknown address was heard")
        return next(reversed(self._known))

    def add(self, address: str, args: Sequence[object]) -> None:
        """Count one message."""
        finite = [(i, v) for i, v in enumerate(map(_number, args[:NUMBERS_KEPT])) if math.isfinite(v)]
        values = tuple(v for _, v in finite)
        stranger = self._known.get(address)
        if stranger is None:
            if len(self._known) == KEPT:
                del self._known[next(iter(self._known))]
            stranger = self._known[address] = Stranger(values, tuple(i for i, _ in finite))
        stranger.newest = values
        stranger.count += 1

    def numbers(self) -> dict[str, list[float]]:
        """Address -> the numbers of its newest message."""
        return {address: list(s.newest) for address, s in self._known.items()}

    def counts(self) -> dict[str, int]:
        """Address -> messages so far."""
        return {address: s.count for address, s in self._known.items()}

    def suggestions(self) -> dict[str, dict[str, Any]]:
        """Entries for the `map` of the configuration, for the addresses whose name or numbers tell enough."""
        guesses: dict[str, dict[str, Any]] = {}
        for address, stranger in self._known.items():
            if (found := _guess(address, stranger)) is not None:
                key, entry = found
                guesses.setdefault(key, entry)
        return guesses


# Words in an address, the most telling first.
_WORDS: Final = (
    ("heart_rate", re.compile(r"heart|bpm|pulse|(^|[/_])hr($|[/_])")),
    ("rotation_rate", re.compile(r"gyr|rotation|rrate|angular|omega")),
    ("gravity", re.compile(r"grav")),
    ("linear_acceleration", re.compile(r"lin|useracc|user_acc")),
    ("acceleration", re.compile(r"acc")),
)
_AXIS: Final = re.compile(r"(.+)/[xyz]")
_WRITABLE: Final = re.compile(ADDRESS_PATTERN)
_ONE_G: Final = (0.5, 2.0)  # length of a vector in g that contains gravity, in moderate movement
_G_IN_SI: Final = (5.0, 20.0)
_HEART: Final = (30.0, 220.0)


def _guess(address: str, stranger: Stranger) -> tuple[str, dict[str, Any]] | None:
    """(key of the map, its entry); None where a guess would be no better than a blank."""
    if not _WRITABLE.match(address):
        return None
    named = next((stream for stream, words in _WORDS if words.search(address.lower())), None)
    axis = _AXIS.fullmatch(address)
    if axis and len(stranger.numbers) == 1 and named is not None and STREAM_UNITS[named][0] == 3:
        return axis.group(1), {"stream": named, "unit": STREAM_UNITS[named][1][0], "per_axis": True}
    if named == "heart_rate":
        plausible = [
            i for i, v in zip(stranger.positions, stranger.numbers, strict=True) if _HEART[0] <= v <= _HEART[1]
        ]
        return (address, {"stream": named, **_args(plausible[:1])}) if plausible else None
    if len(stranger.numbers) < 3:
        return None
    return _vector(address, named, stranger)


def _vector(address: str, named: str | None, stranger: Stranger) -> tuple[str, dict[str, Any]] | None:
    """By the name, else by gravity, which also tells the unit and where in a longer message the vector stands."""
    for at in range(len(stranger.numbers) - 2):
        length = math.hypot(*stranger.numbers[at : at + 3])
        unit = "g" if _ONE_G[0] <= length <= _ONE_G[1] else "m/s^2" if _G_IN_SI[0] <= length <= _G_IN_SI[1] else ""
        if unit and named in (None, "acceleration", "gravity"):
            return address, {"stream": named or "acceleration", "unit": unit, **_args(stranger.positions[at : at + 3])}
    if named is None:
        return None
    return address, {"stream": named, "unit": STREAM_UNITS[named][1][0], **_args(stranger.positions[:3])}


def _number(value: object) -> float:
    """NaN for what is not a number."""
    return float(value) if type(value) is float or type(value) is int else math.nan


def _args(positions: Sequence[int]) -> dict[str, list[int]]:
    """The first arguments are the default and need no mention."""
    return {} if list(positions) == list(range(len(positions))) else {"args": list(positions)}
