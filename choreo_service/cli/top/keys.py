"""The page's keys, the same letters: one verb a key, or a digit that chooses a control and then its verb."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from choreo_service.clock import NS, Clock
from choreo_service.packets import CONTROL_NAMES

KEYS: Final[Mapping[str, str]] = {
    "escape": "panic",
    "u": "resume",
    "f": "freeze",
    "r": "record",
    "m": "marker",
    "s": "resend",
    "t": "tap",
    "c": "recalibrate",
}
CONTROL_KEYS: Final[Mapping[str, str]] = {"m": "mute", "h": "hold", "l": "map"}
SCENE_KEYS: Final[Mapping[str, int]] = {"[": -1, "left_square_bracket": -1, "]": +1, "right_square_bracket": +1}
CHOSEN_S: Final = 8.0


class Keys:
    """What a key asks for, as a verb and its arguments."""

    def __init__(self, clock: Clock) -> None:
        self._clock, self._until_ns, self._index = clock, 0, -1

    @property
    def chosen(self) -> int:
        """The control that M, H and L mean now; -1 for none."""
        return self._index if self._clock.now_ns() < self._until_ns else -1

    def press(self, key: str) -> tuple[str, dict[str, str]] | None:
        """The command of a key; None where there is none, or where it only chooses."""
        key = key.lower()
        if key.isdigit() and 1 <= int(key) <= len(CONTROL_NAMES):
            self._choose(int(key) - 1)
            return None
        if key in CONTROL_KEYS and self.chosen >= 0:
            self._choose(self.chosen)
            return CONTROL_KEYS[key], {"control": CONTROL_NAMES[self._index]}
        return (KEYS[key], {}) if key in KEYS else None

    def _choose(self, index: int) -> None:
        self._index, self._until_ns = index, self._clock.now_ns() + round(CHOSEN_S * NS)
