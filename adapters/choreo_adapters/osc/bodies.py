"""Whole bodies over OSC: hips and limbs of VMC performers and of VRChat trackers (SlimeVR, camera apps).

Both speak Unity's frame: metres, x right, y up, z forward, left-handed. Here z is turned around, which makes it the
right-handed frame of the phones. What comes out is what sensors on the hips, the hands (VMC) or the feet (trackers)
would feel of movement alone, with up known, so that a body yields the same features as phones worn there. Other bones
and trackers are known and ignored.
Sources: protocol.vmc.info (marionette-spec), docs.vrchat.com (osc-trackers).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from choreo_adapters.osc.bodies_curvature import Curvature, Vector
from choreo_adapters.osc.decode import Argument
from choreo_adapters.osc.presets.layout import STANDARD_GRAVITY
from choreo_service.packets import LIMBS

Quaternion = tuple[float, float, float, float]  # x, y, z, w

VMC: Final = "vmc"
TRACKERS: Final = "trackers"
ROOT: Final = "root"
HIPS: Final = "hips"
UP: Final[Vector] = (0.0, STANDARD_GRAVITY, 0.0)  # the gravity stream of a body that stands in the room
FARTHEST: Final = 100.0  # m from the origin; farther is no stage


class NotAPose(ValueError):
    """The message has an address of a body but not its arguments; the text is a counter name."""


def body_format(address: str) -> str | None:
    """VMC or TRACKERS for the addresses of a body, None for any other."""
    if address.startswith(_VMC_PREFIX):
        return VMC
    return TRACKERS if address.startswith(_TRACKERS_PREFIX) else None


class Pose(NamedTuple):
    """What one message places: a part of the body, in the room or below the bone it hangs from."""

    part: str  # ROOT, HIPS, a bone between the hips and a hand, or "left" and "right" for trackers worn on limbs
    position: Vector  # m
    turn: Quaternion


def read_pose(address: str, args: Sequence[Argument], trackers: Mapping[int, str]) -> Pose | None:
    """The pose in a message of a body; None for other bones and trackers, and whatever else its sender tells.

    `trackers` says what the numbers 1 to 8 of the sender's trackers are: HIPS, "left", "right". NotAPose when the
    message should place such a part but can't.
    """
    part = _part(address, args, trackers)
    if part is None:
        return None
    if address.startswith(_TRACKERS_PREFIX):
        x, y, z = _floats(args[:3], 3)
        return Pose(part, _inside(x, y, z), _IDENTITY)
    x, y, z, *turn = _floats(args[1:8], 7)
    return Pose(part, _inside(x, y, z), _unit(turn[0], turn[1], turn[2], turn[3]))


class Body:
    """One body: the acceleration of its hips and hands, or of what its trackers are worn on, from the poses sent.

    In VMC each bone is relative to the one it hangs from, the hips to the root; some senders move the one, some the
    other, so that all are put together. Bones a sender leaves out count as joined to the one before.
    The sender's own time (/VMC/Ext/T) isn't used: a float32 that may come once in many frames.
    """

    def __init__(self) -> None:
        self._bones: dict[str, Pose] = {}  # the newest of each
        self._pacer = ""  # the part whose poses are counted as frames
        self._curvatures = {"": Curvature(), "left": Curvature(), "right": Curvature()}

    def place(self, pose: Pose) -> None:
        """Where a bone is from now on that nobody listens to itself."""
        self._bones[pose.part] = pose

    def paces(self, pose: Pose) -> bool:
        """Whether `pose` counts as a frame: that of the hips, or of the first limb where nobody sends hips."""
        if pose.part == HIPS or not self._pacer:
            self._pacer = pose.part
        return pose.part == self._pacer

    def move(self, pose: Pose, t_ns: int) -> Vector | None:
        """Acceleration in m/s^2, without gravity, y up, of what `pose` moves; None while there are too few poses."""
        self._bones[pose.part] = pose
        x, y, z = pose.position if pose.part in LIMBS else self._in_the_room(_chain(pose.part))
        return self._curvatures[_MOVERS[pose.part]].add((x, y, -z), t_ns)

    def _in_the_room(self, chain: Sequence[str]) -> Vector:
        place, turn = (0.0, 0.0, 0.0), _IDENTITY
        for bone in map(self._bones.get, chain):
            if bone is not None:
                x, y, z = _turned(bone.position, turn)
                place = (place[0] + x, place[1] + y, place[2] + z)
                turn = _after(turn, bone.turn)
        return place


def limb_of(pose: Pose) -> str | None:
    """Whose movement a pose tells: "" the hips', "left" or "right" that limb's, None only what hangs below."""
    return _MOVERS.get(pose.part)


_VMC_PREFIX: Final = "/VMC/"
_TRACKERS_PREFIX: Final = "/tracking/trackers/"
_ROOT: Final = "/VMC/Ext/Root/Pos"
_BONE: Final = "/VMC/Ext/Bone/Pos"
_IDENTITY: Final[Quaternion] = (0.0, 0.0, 0.0, 1.0)
_SPINE: Final = (ROOT, HIPS, "spine", "chest", "upperchest")
# Unity's humanoid bones from the root to a hand.
_ARMS: Final = {limb: tuple(f"{limb}{bone}" for bone in ("shoulder", "upperarm", "lowerarm", "hand")) for limb in LIMBS}
_BONES: Final = frozenset(_SPINE[1:]).union(*_ARMS.values())
_MOVERS: Final = {HIPS: "", **{limb: limb for limb in LIMBS}, **{f"{limb}hand": limb for limb in LIMBS}}


def _part(address: str, args: Sequence[Argument], trackers: Mapping[int, str]) -> str | None:
    if address == _ROOT:
        return ROOT
    if address == _BONE:
        bone = str(args[0]).lower() if args else ""
        return bone if bone in _BONES else None
    number, _, what = address.removeprefix(_TRACKERS_PREFIX).partition("/")
    return trackers.get(int(number)) if what == "position" and number in _NUMBERS else None


def _chain(part: str) -> tuple[str, ...]:
    return _SPINE[:2] if part == HIPS else _SPINE + _ARMS[_MOVERS[part]]


def _floats(args: Sequence[Argument], count: int) -> tuple[float, ...]:
    numbers = tuple(float(v) for v in args if type(v) is float or type(v) is int)
    if len(numbers) != count or len(args) != count:
        raise NotAPose("wrong arguments")
    if not all(map(math.isfinite, numbers)):
        raise NotAPose("not finite")
    return numbers


def _inside(x: float, y: float, z: float) -> Vector:
    if max(abs(x), abs(y), abs(z)) > FARTHEST:
        raise NotAPose("implausible value")
    return x, y, z


def _turned(v: Vector, quaternion: Quaternion) -> Vector:
    """`v` rotated by a unit quaternion."""
    x, y, z, w = quaternion
    tx, ty, tz = 2 * (y * v[2] - z * v[1]), 2 * (z * v[0] - x * v[2]), 2 * (x * v[1] - y * v[0])
    return (
        v[0] + w * tx + y * tz - z * ty,
        v[1] + w * ty + z * tx - x * tz,
        v[2] + w * tz + x * ty - y * tx,
    )


def _after(turn: Quaternion, then: Quaternion) -> Quaternion:
    """The rotation `then`, below a bone that is rotated by `turn`."""
    x, y, z, w = turn
    a, b, c, d = then
    return (
        w * a + x * d + y * c - z * b,
        w * b - x * c + y * d + z * a,
        w * c + x * b - y * a + z * d,
        w * d - x * a - y * b - z * c,
    )


def _unit(x: float, y: float, z: float, w: float) -> Quaternion:
    """At length 1. Senders that know no rotation may leave it all zero, which turns nothing."""
    length = math.hypot(x, y, z, w)
    return _IDENTITY if length < _NO_TURN else (x / length, y / length, z / length, w / length)


_NO_TURN: Final = 1e-6
_NUMBERS: Final = frozenset("12345678")
