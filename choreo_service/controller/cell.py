"""One control of one performer: whose word counts just now, and the way from one to the next without a jump."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from choreo_service.controller.takeover import Mode, Takeover

Owner = Literal["body", "kept", "fader", "safe"]


class Cell:
    """Positions are 0..1 of the wire's range."""

    __slots__ = ("_from", "_gone_ns", "_kept", "_safe", "_whole_ns", "out", "owner", "takeover")

    def __init__(self, neutral: float, safe: float) -> None:
        self.out = neutral  # where the control is
        self.owner: Owner = "body"
        self.takeover: Takeover | None = None
        self._safe, self._kept, self._from = safe, neutral, neutral
        self._gone_ns = self._whole_ns = 0

    @property
    def fading(self) -> bool:
        return self._gone_ns < self._whole_ns

    def give(self, owner: Owner, fade_ns: int) -> None:
        """From now on `owner`'s word counts. Body and safety are faded to; keeping and a fader begin where it is."""
        if owner == self.owner:
            return
        self.owner, self._kept = owner, self.out
        self.fade_from(self.out, fade_ns if owner in ("body", "safe") else 0)

    def fade_from(self, position: float, fade_ns: int) -> None:
        """Walk straight from `position` to the owner's value in `fade_ns`."""
        self._from, self._gone_ns, self._whole_ns = position, 0, fade_ns

    def obey(self, safe: float, clamp: tuple[float, float], fade_ns: int) -> None:
        """Panic goes to `safe` from now on, and nothing kept lies beyond `clamp`; walk there if that moves it."""
        before, (low, high) = self._target(), clamp
        self._safe, self._kept = safe, min(high, max(low, self._kept))
        if self.takeover is not None and self.takeover.value is not None:
            self.takeover.value = min(high, max(low, self.takeover.value))
        if self.owner != "body" and self._target() != before:
            self.fade_from(self.out, fade_ns)

    def jump_safe(self) -> None:
        self.owner, self.out = "safe", self._safe
        self._gone_ns = self._whole_ns

    def step(self, live: float, dt_ns: int) -> float:
        """Advance by `dt_ns`; `live` is where the body wants the control."""
        target = live if self.owner == "body" else self._target()
        if self._gone_ns < self._whole_ns:
            self._gone_ns += dt_ns
            share = min(1.0, self._gone_ns / self._whole_ns)
            target = self._from + share * (target - self._from) if share < 1.0 else target
        self.out = target
        return target

    def state(self) -> list[Any]:
        """What a successor needs to go on from here."""
        fader = None if self.takeover is None else self.takeover.state()
        return [self.out, self.owner, self._kept, fader]

    def load_state(self, state: Sequence[Any], mode: Mode, fade_ns: int) -> None:
        """Be where `state` was left, and walk from there in `fade_ns`."""
        out, self.owner, self._kept, fader = state
        self.out = out
        self.takeover = None if fader is None else Takeover(mode)
        if self.takeover is not None:
            self.takeover.load_state(fader)
        self.fade_from(out, fade_ns)

    def _target(self) -> float:
        if self.owner == "safe":
            return self._safe
        if self.owner == "fader" and self.takeover is not None and self.takeover.value is not None:
            return self.takeover.value
        return self._kept
