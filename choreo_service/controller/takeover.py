"""What a fader does that doesn't stand where the control is: jump, wait until it passes by, or move in proportion."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

Mode = Literal["none", "pick-up", "scaling"]

CATCH: Final = 1.0 / 127.0  # a MIDI fader can't come closer for certain


class Takeover:
    """One fader against one control. Positions are 0..1."""

    def __init__(self, mode: Mode) -> None:
        self._mode = mode
        self._fader: float | None = None
        self.value: float | None = None  # where the fader holds the control; None until it has taken it over

    def move(self, fader: float, current: float) -> None:
        """The fader is at `fader` now, the control at `current`."""
        before, self._fader = self._fader, fader
        if self._mode == "none":
            self.value = fader
        elif self._mode == "pick-up":
            near = abs(fader - current) <= CATCH
            passed = before is not None and (before - current) * (fader - current) <= 0.0
            if self.value is not None or near or passed:
                self.value = fader
        else:
            self.value = current if self.value is None or before is None else _scaled(self.value, before, fader)

    def state(self) -> list[float | None]:
        return [self._fader, self.value]

    def load_state(self, state: Sequence[float | None]) -> None:
        self._fader, self.value = state


def _scaled(value: float, before: float, fader: float) -> float:
    """The control covers what is left of its way as the fader covers what is left of its own: both arrive together."""
    if fader > before:
        return value + (1.0 - value) * (fader - before) / (1.0 - before)
    if fader < before:
        return value - value * (before - fader) / before
    return value
