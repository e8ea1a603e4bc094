"""The sensors one performer wears become the frame's six motion columns."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from choreo_service.bodies import Mounting
from choreo_service.features.component import Component
from choreo_service.features.motion import MotionFeatures, within_limits
from choreo_service.features.movement import Columns
from choreo_service.packets import LIMBS

STILL: Final = 0.15  # m/s^2, rms of both limbs below which their balance is noise and keeps its last value
LEAD: Final = 1.5  # the other limb leads once it does so many times as much

_WHOLE, _LEFT, _RIGHT = range(3)
_UNKNOWN: Final = -1.0


class BodyMotion(Component):
    """One sensor on the body, one on each of two limbs, or all three.

    A single sensor gives its own columns (MotionFeatures), wherever it is worn. With more, energy is the body's or the
    limbs' (root mean square of those that are heard), whichever is larger, and jerk the strongest; frequency, sway and
    bounce are those of the sensor on the body, else of the limb that does more. Two limbs give true symmetry:
    1 - |E_L - E_R| / (E_L + E_R), E the mean square of each limb's acceleration over 2 s.
    """

    STATE = ("whole", "left", "right", "leader", "balance")

    def __init__(self) -> None:
        self.whole = MotionFeatures()
        self.left = MotionFeatures()
        self.right = MotionFeatures()
        self._parts = (self.whole, self.left, self.right)
        self.beat_ns: int | None = None  # when the leading sensor marked a beat, if with the last sample; not a state
        self.reset()

    def reset(self) -> None:
        for part in self._parts:
            part.reset()
        self.leader = _WHOLE  # index of the part that gives frequency, sway and bounce
        self.balance = _UNKNOWN  # symmetry of the limbs
        self.beat_ns = None

    def expect(self, mounting: Mounting) -> None:
        """Begin with what a calibration found of the sensor on the body."""
        self.whole.expect(mounting)

    def mounting(self) -> Mounting:
        """How the leading sensor sits now."""
        return self._parts[self.leader].mounting()

    def update(self, stream: str, t_ns: int, values: Sequence[float], limb: str = "") -> None:
        """One sample as MotionFeatures.update takes it, of the sensor worn on `limb` ("": on the body)."""
        part = self._parts[_PARTS[limb]]
        driven_ns = part.driven_ns
        part.update(stream, t_ns, values)
        if part.driven_ns != driven_ns and (limb or self.leader != _WHOLE):
            self._lead(t_ns)
            self._weigh()
        self.beat_ns = part.beat_ns if part is self._parts[self.leader] else None

    def read(self, t_ns: int) -> Columns:
        """The six columns at `t_ns`, clamped to their limits; changes nothing."""
        if not (self.left.driven or self.right.driven):
            return self.whole.read(t_ns)
        worn = [part for part in self._parts if part.driven]
        if len(worn) < 2:
            return worn[0].read(t_ns)
        jerk = max(part.columns()[2] * part.fade(t_ns) for part in worn)
        leader = self._parts[self.leader]
        _, freq, _, sway, bounce, symmetry = leader.columns()
        fade = leader.fade(t_ns)
        if self.balance != _UNKNOWN and self.left.live(t_ns) and self.right.live(t_ns):
            symmetry = self.balance
        energy = max(_energy((self.whole,), t_ns), _energy((self.left, self.right), t_ns))
        return within_limits((energy, freq, jerk, sway * fade, bounce * fade, symmetry))

    def _lead(self, t_ns: int) -> None:
        if self.whole.live(t_ns):
            self.leader = _WHOLE
            return
        left, right = self.left.live(t_ns), self.right.live(t_ns)
        if left and right:
            ratio = LEAD if self.leader == _LEFT else 1.0 / LEAD if self.leader == _RIGHT else 1.0
            self.leader = _LEFT if ratio * self._effort(_LEFT) >= self._effort(_RIGHT) else _RIGHT
        elif left or right:
            self.leader = _LEFT if left else _RIGHT

    def _weigh(self) -> None:
        left, right = self._effort(_LEFT), self._effort(_RIGHT)
        if left + right > 2.0 * STILL**2:
            self.balance = 1.0 - abs(left - right) / (left + right)

    def _effort(self, part: int) -> float:
        return self._parts[part].movement.effort.y


_PARTS: Final = {"": _WHOLE, **{limb: i for i, limb in enumerate(LIMBS, start=_LEFT)}}


def _energy(parts: Sequence[MotionFeatures], t_ns: int) -> float:
    """Root mean square of the energies of those that are heard; one that falls silent counts less and less."""
    heard = [(part.columns()[0], part.fade(t_ns)) for part in parts if part.driven]
    weight = sum(fade for _, fade in heard)
    if weight < _SILENT:
        return 0.0
    return math.sqrt(sum(fade * energy**2 for energy, fade in heard) / weight) * max(fade for _, fade in heard)


_SILENT: Final = 1e-9
