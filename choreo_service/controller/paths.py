"""How one control gets from the engine's position to a position of its receiver's range."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from choreo_service.clock import NS
from choreo_service.easing import TRANSFER, Eased
from choreo_service.protocols import ControlWire


@dataclass(frozen=True, slots=True)
class ControlPath:
    """One control's way. Positions are 0..1, `wire` holds the receiver's range."""

    wire: ControlWire
    transfer: str  # key of easing.TRANSFER
    invert: bool
    clamp: tuple[float, float]  # lowest and highest position ever sent
    ease_curve: str  # key of easing.RESPONSE
    ease_s: float
    throttle_ns: int
    threshold: float  # smallest change of position worth sending
    span: tuple[float, float] = (0.0, 1.0)  # the part of the wire's range that is used: positions at 0 and at 1


@dataclass(frozen=True, slots=True)
class Scene:
    """One preset: the paths it plays by, in the order of the controls, and how long the change to it takes."""

    paths: Sequence[ControlPath]
    morph_s: float


class Chain:
    """One control of one performer on its way: transfer curve -> invert -> clamp -> ease -> span."""

    def __init__(self, path: ControlPath, period_ns: int) -> None:
        self._curve, self._invert, self._clamp = TRANSFER[path.transfer], path.invert, path.clamp
        self._eased = Eased(path.ease_curve, path.ease_s, period_ns / NS)
        self._start, self._width = path.span[0], path.span[1] - path.span[0]

    def step(self, position: float, dk: int) -> float:
        """Engine position -> position of the wire's range."""
        x = self._curve(position)
        x = min(self._clamp[1], max(self._clamp[0], 1.0 - x if self._invert else x))
        x = min(1.0, max(0.0, self._eased.step(x, dk)))  # rounding of the easing sum must not leave the range either
        return self._start + x * self._width
