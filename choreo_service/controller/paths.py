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
    """One control of one performer on its way, which may be changed under way without a jump."""

    def __init__(self, path: ControlPath, period_ns: int) -> None:
        self._period_ns = period_ns
        self._path = path
        self._way = _Way(path, period_ns)
        self._before: _Way | None = None  # fades out
        self._next: tuple[ControlPath, int] | None = None
        self._gone_ns = self._whole_ns = 0

    def follow(self, path: ControlPath, fade_ns: int) -> None:
        """Go by `path` from now on, cross-fading. While an earlier change fades, the last one asked for waits."""
        if self._before is not None:
            self._next = path, fade_ns
        elif path != self._path:
            self._before, self._path = self._way, path
            self._way = _Way(path, self._period_ns)
            self._way.continue_from(self._before)
            self._gone_ns, self._whole_ns = 0, fade_ns

    def step(self, position: float, dk: int) -> float:
        """Engine position -> position of the wire's range."""
        x = self._way.step(position, dk)
        return x if self._before is None else self._faded(self._before, x, position, dk)

    def _faded(self, before: _Way, x: float, position: float, dk: int) -> float:
        self._gone_ns += dk * self._period_ns
        if self._gone_ns < self._whole_ns:
            old = before.step(position, dk)
            return old + self._gone_ns / self._whole_ns * (x - old)
        self._before = None
        if self._next is not None:
            (path, fade_ns), self._next = self._next, None
            self.follow(path, fade_ns)
        return x


class _Way:
    """One path with its memory: transfer curve -> invert -> clamp -> ease -> span."""

    def __init__(self, path: ControlPath, period_ns: int) -> None:
        self._curve, self._invert, self._clamp = TRANSFER[path.transfer], path.invert, path.clamp
        self._eased = Eased(path.ease_curve, path.ease_s, period_ns / NS)
        self._start, self._width = path.span[0], path.span[1] - path.span[0]

    def continue_from(self, other: _Way) -> None:
        """Glide on from where `other` is gliding."""
        self._eased.follow(other._eased)

    def step(self, position: float, dk: int) -> float:
        x = self._curve(position)
        x = min(self._clamp[1], max(self._clamp[0], 1.0 - x if self._invert else x))
        x = min(1.0, max(0.0, self._eased.step(x, dk)))  # rounding of the easing sum must not leave the range either
        return self._start + x * self._width
