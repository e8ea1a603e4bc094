"""A filmed or tracked body: its hips' positions become the acceleration a phone on the hips would feel."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator

import numpy as np
import pytest
from osc_datagrams import G, RecordingEmit, bundle, message, tracker_frame, vmc_frame

from choreo_adapters.osc.bodies import NotAPose, body_format, read_pose
from choreo_adapters.osc.bodies_curvature import FEWEST, SPAN_S, Curvature, Vector
from choreo_adapters.osc.presets.learning import Strangers
from choreo_adapters.sensors.osc_motion import OscMotion
from choreo_adapters.sensors.osc_motion.health import situation
from choreo_service.clock import VirtualClock

S = 1_000_000_000
PC = "127.0.0.1"


def _bounce(rate_hz: float, seconds: float, *, hz: float = 2.0, metres: float = 0.05) -> Iterator[tuple[float, Vector]]:
    """(time in s, position): up and down around hip height while walking forward at 0.3 m/s."""
    for i in range(round(rate_hz * seconds)):
        t = i / rate_hz
        yield t, (0.1, 0.9 + metres * math.sin(math.tau * hz * t), 0.3 * t)


def _error(rate_hz: float, *, jitter_s: float = 0.0, lost: float = 0.0) -> float:
    """Error of the vertical acceleration against the truth in the middle of the span, relative (RMS)."""
    rng, curvature = random.Random(5), Curvature()
    span = max(FEWEST - 1, round(SPAN_S * rate_hz)) / rate_hz
    errors, truths = [], []
    for t, position in _bounce(rate_hz, 20.0):
        if rng.random() < lost:
            continue
        found = curvature.add(position, round((7.0 + t + abs(rng.gauss(0.0, jitter_s))) * S))
        if found is not None:
            truths.append(-0.05 * (math.tau * 2.0) ** 2 * math.sin(math.tau * 2.0 * (t - span / 2)))
            errors.append(found[1] - truths[-1])
    return float(np.sqrt(np.mean(np.square(errors)) / np.mean(np.square(truths))))


def test_a_falling_body_accelerates_by_exactly_g() -> None:
    curvature = Curvature()
    found = [curvature.add((0.0, 50.0 - G / 2 * (i / 60) ** 2, 3.0 * i / 60), S + round(i * S / 60)) for i in range(60)]
    assert found[:6] == [None] * 6  # 0.1 s at 60 Hz are seven positions
    for vector in found[6:]:
        assert vector == pytest.approx((0.0, -G, 0.0), abs=1e-4)


@pytest.mark.parametrize("rate_hz", [30.0, 50.0, 60.0, 90.0, 120.0])
def test_the_same_bounce_is_found_at_any_frame_rate(rate_hz: float) -> None:
    assert _error(rate_hz) < 0.08


def test_jitter_of_the_network_costs_little_and_a_lost_frame_is_no_hit() -> None:
    assert _error(60.0, jitter_s=0.002) < 0.08
    assert _error(60.0, lost=0.02) < 0.1


def test_noise_of_the_cameras_stays_far_below_dancing() -> None:
    rng, curvature = random.Random(2), Curvature()
    found = [curvature.add((rng.gauss(0.0, 1e-4), 0.9, 0.0), S + round(i * S / 60)) for i in range(600)]
    noise = float(np.std([v[0] for v in found if v is not None]))
    assert 0.01 < noise < 0.15  # plain second differences would give 0.9


@pytest.mark.parametrize("break_s", [0.3, 3.0])
def test_a_gap_starts_anew_instead_of_bridging_it(break_s: float) -> None:
    curvature = Curvature()
    for i in range(30):
        curvature.add((0.0, 0.9, 0.0), S + i * S // 60)
    back = S + 29 * S // 60 + round(break_s * S)
    found = [curvature.add((1.0, 0.9, 0.0), back + i * S // 60) for i in range(7)]
    assert found[:4] == [None] * 4
    assert found[-1] == pytest.approx((0.0, 0.0, 0.0), abs=1e-6)


def test_a_recentred_body_does_not_hit() -> None:
    curvature, strongest = Curvature(), 0.0
    for i in range(120):
        found = curvature.add((0.0 if i < 60 else 2.0, 0.9, 0.0), S + i * S // 60)
        strongest = max(strongest, *map(abs, found or (0.0,)))
    assert strongest < 1e-6


def test_times_that_stand_still_or_go_back_give_nothing_infinite() -> None:
    curvature, rng = Curvature(), random.Random(3)
    for i in range(2000):
        found = curvature.add((rng.random(), rng.random(), 0.0), S + rng.choice((0, 0, 1, -5)) + i // 3 * 3_000_000)
        assert found is None or all(map(math.isfinite, found))


class Rig:
    def __init__(self, **config: object) -> None:
        self.emit = RecordingEmit()
        self.adapter = OscMotion(OscMotion.Config.model_validate(config), self.emit, VirtualClock())

    def send(self, *datagrams: bytes, at_ns: int = S, ip: str = PC) -> None:
        for data in datagrams:
            self.adapter.receiver.hear([(data, ip, at_ns)])

    def linear(self, limb: str = "") -> np.ndarray:
        """What the hips felt, or a limb."""
        heard = (s for s in self.emit.samples if s.stream == "linear_acceleration")
        return np.array([s.values for s in heard if s.source.partition("@")[2] == limb])


def _frames(send: object, seconds: float = 2.0, **config: object) -> Rig:
    rig = Rig(**config)
    for t, position in _bounce(60.0, seconds):
        rig.send(*send(position), at_ns=S + round(t * S))  # type: ignore[operator]
    return rig


SENDERS = {
    "vmc": vmc_frame,
    "vmc that moves the root": lambda p: vmc_frame((0.0, 0.9, 0.0), root=(p[0], p[1] - 0.9, p[2])),
    "vmc with a root of no rotation": lambda p: vmc_frame(p, turn=(0.0, 0.0, 0.0, 0.0)),
    "trackers": tracker_frame,
}


@pytest.mark.parametrize("sender", SENDERS)
def test_every_sender_gives_the_same_movement_with_up_known(sender: str) -> None:
    rig = _frames(SENDERS[sender])
    expected = _frames(vmc_frame).linear()
    np.testing.assert_allclose(rig.linear()[-100:], expected[-100:], atol=0.01)
    assert np.abs(rig.linear()[:, 1]).max() > 6.0
    assert set(rig.emit.of("gravity")) == {(0.0, G, 0.0)}
    assert {s.source.partition("@")[0] for s in rig.emit.samples} == {f"{PC}:{sender.split()[0]}"}
    assert not rig.emit.refused
    assert not rig.emit.problems


def test_a_turned_root_turns_the_movement() -> None:
    quarter = (0.0, math.sin(math.pi / 4), 0.0, math.cos(math.pi / 4))  # about y: Unity's z becomes x

    def frames(turn: tuple[float, ...]) -> np.ndarray:
        rig = Rig()
        for i in range(60):
            rig.send(*vmc_frame((0.0, 0.9, 0.05 * math.sin(i * 0.2)), turn=turn), at_ns=S + i * S // 60)
        return rig.linear()

    straight, turned = frames((0.0, 0.0, 0.0, 1.0)), frames(quarter)
    np.testing.assert_allclose(turned[:, 0], -straight[:, 2], atol=0.01)  # our z points the other way than Unity's
    np.testing.assert_allclose(turned[:, 2], 0.0, atol=0.01)


def test_only_the_tracker_on_the_hips_plays() -> None:
    third = _frames(lambda p: tracker_frame(p, number=3), hip_tracker=3).linear()
    wrong = _frames(lambda p: tracker_frame(p, number=3)).linear()
    assert np.abs(third).max() > 6.0
    assert np.abs(wrong).max() < 1e-6  # a foot that stands


def test_a_body_takes_one_performer_and_counts_its_frames_once() -> None:
    rig = _frames(vmc_frame, performers=2, assign={"vmc": 1})
    assert {s.performer for s in rig.emit.samples} == {1}
    facts = rig.adapter.health()["sources"][f"{PC}:vmc"]
    assert (facts["samples"], facts["layout"]) == (120, "vmc")
    assert facts["rate_hz"] == 0.0 or facts["rate_hz"] == pytest.approx(60.0, rel=0.05)


def test_a_named_layout_hears_no_body() -> None:
    rig = _frames(tracker_frame, seconds=0.2, layout="gyrosc")
    assert rig.emit.samples == []
    assert set(rig.emit.refused) == {"unknown address"}


def test_what_else_a_performer_sends_is_known_and_ignored() -> None:
    rig = Rig()
    rig.send(message("/VMC/Ext/Cam", "sffffffff", "Camera", *(0.0,) * 8), message("/VMC/Ext/Midi/CC/Val", "if", 1, 0.5))
    rig.send(message("/tracking/trackers/head/rotation", "fff", 0.0, 0.0, 0.0), message("/VMC/anything", ""))
    assert (rig.emit.samples, rig.emit.refused, rig.adapter.health()["sources"]) == ([], {}, {})


@pytest.mark.parametrize(("rate_limit_hz", "hinted"), [(1000, True), (8000, False)])
def test_a_whole_body_that_is_cut_off_by_the_rate_limit_is_told_what_to_type(rate_limit_hz: int, hinted: bool) -> None:
    rig = Rig(rate_limit_hz=rate_limit_hz)
    spine = message("/VMC/Ext/Bone/Pos", "sfffffff", "Spine", *(0.0,) * 7)
    for t, position in _bounce(60.0, 2.0):
        rig.send(*vmc_frame(position), bundle(*[spine] * 24), bundle(*[spine] * 24), at_ns=S + round(t * S))
    refused, health = rig.emit.refused, rig.adapter.health()
    assert (refused["rate limit"] > 0) == hinted
    limited = refused["rate limit"] > 0
    told = situation(9000, PC, rig.adapter._roster.devices, Strangers(), now_ns=3 * S, rate_limited=limited)
    assert ("rate_limit_hz=8000" in told.get("hint", "")) == hinted
    assert health["rejected"] == dict(refused)


BONE, HIPS = "/VMC/Ext/Bone/Pos", "/tracking/trackers/1/position"
REFUSED = {
    "too few": (message(BONE, "sfff", "Hips", 0.0, 0.9, 0.0), "wrong arguments"),
    "no numbers": (message(BONE, "ssssssss", "Hips", *"abcdefg"), "wrong arguments"),
    "not a number": (message(HIPS, "fff", 0.0, math.nan, 0.0), "not finite"),
    "out in space": (message(HIPS, "fff", 0.0, 1e9, 0.0), "implausible value"),
    "a root of nothing": (message("/VMC/Ext/Root/Pos", ""), "wrong arguments"),
    "booleans": (message(HIPS, "TTT", True, True, True), "wrong arguments"),
}


@pytest.mark.parametrize(("data", "cause"), REFUSED.values(), ids=REFUSED.keys())
def test_a_pose_that_is_none_is_counted_and_takes_no_performer(data: bytes, cause: str) -> None:
    rig = Rig()
    rig.send(data)
    assert rig.emit.samples == []
    assert rig.emit.refused == {cause: 1}
    assert rig.adapter.health()["sources"] == {}


def test_a_bone_without_a_name_is_no_pose() -> None:
    assert read_pose(BONE, (), 1) is None
    assert read_pose(BONE, (None, 1.0), 1) is None
    with pytest.raises(NotAPose):
        read_pose(BONE, ("hips",), 1)
    assert body_format("/tracking/trackers/1/position") == "trackers"
    assert body_format("/tracking") is body_format("/vmc/Ext/T") is None


def _arms(seconds: float, swing: dict[str, float]) -> Rig:
    """A performer in VMC who stands, upper arms down, and swings the lower arms about x by so many radians at 1 Hz."""
    rig = Rig()
    for i in range(round(seconds * 60)):
        bones = [("Hips", (0.0, 0.9, 0.0), 0.0), ("Spine", (0.0, 0.3, 0.0), 0.0)]
        for side, x in (("Left", -0.2), ("Right", 0.2)):
            angle = swing[side] * math.sin(math.tau * i / 60)
            bones += [
                (f"{side}UpperArm", (x, 0.2, 0.0), 0.0),
                (f"{side}LowerArm", (0.0, -0.3, 0.0), angle),
                (f"{side}Hand", (0.0, -0.25, 0.0), 0.0),
            ]
        poses = [(name, *place, math.sin(a / 2), 0.0, 0.0, math.cos(a / 2)) for name, place, a in bones]
        rig.send(bundle(*(message(BONE, "sfffffff", *pose) for pose in poses)), at_ns=S + i * S // 60)
    return rig


def test_the_hands_of_a_body_are_its_limbs_moved_by_every_bone_above_them() -> None:
    rig = _arms(3.0, {"Left": 0.2, "Right": 0.1})
    assert not rig.emit.refused
    # A pendulum of 0.25 m: 0.25 * 0.2 * (2 pi)^2 forward and back, little up and down.
    left, right = (np.abs(rig.linear(limb)[30:]).max(axis=0) for limb in ("left", "right"))
    assert left[2] == pytest.approx(0.25 * 0.2 * math.tau**2, rel=0.05)
    assert right[2] == pytest.approx(left[2] / 2, rel=0.05)
    assert max(left[0], right[0], np.abs(rig.linear()).max()) < 1e-6
    assert [facts["samples"] for facts in rig.adapter.health()["sources"].values()] == [180]  # frames, not body parts


def test_the_feet_of_slimevr_are_limbs_by_their_numbers() -> None:
    rig = Rig(left_tracker=5)
    for i in range(60):
        for number in (2, 3, 5):
            place = (0.0, 0.02 * number * math.sin(i * 0.2), 0.0)
            rig.send(message(f"/tracking/trackers/{number}/position", "fff", *place), at_ns=S + i * S // 60)
    assert {s.source for s in rig.emit.samples} == {f"{PC}:trackers@left", f"{PC}:trackers@right"}
    left, right = (np.abs(rig.linear(limb)).max() for limb in ("left", "right"))
    assert left / right == pytest.approx(5 / 3, rel=1e-3)
    assert rig.adapter.health()["sources"][f"{PC}:trackers"]["samples"] == 60
