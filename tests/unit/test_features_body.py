"""Several sensors on one performer: true symmetry of two limbs, and columns that stay those of one sensor with one."""

from __future__ import annotations

import math

import numpy as np
import pytest

from choreo_service.clock import MS, NS
from choreo_service.features import BodyMotion, MotionFeatures
from choreo_service.frames import FrameBuilder
from choreo_service.packets import LIMBS, SensorPacket

G = 9.80665
ENERGY, FREQ, JERK, SWAY, BOUNCE, SYMMETRY = range(6)


def swing(t_ns: int, size: float, hz: float = 2.0) -> tuple[float, float, float]:
    return (0.0, 0.0, G + size * math.sin(2 * math.pi * hz * t_ns / NS))


def danced(seconds: float, *, left: float, right: float, hips: float | None = None) -> BodyMotion:
    """A body whose limbs swing by so many m/s^2, at 100 Hz."""
    body = BodyMotion()
    for i in range(round(seconds * 100)):
        t_ns = NS + i * 10 * MS
        if hips is not None:
            body.update("acceleration", t_ns, swing(t_ns, hips, 1.5))
        body.update("acceleration", t_ns, swing(t_ns, left), "left")
        body.update("acceleration", t_ns + MS, swing(t_ns, right), "right")
    return body


@pytest.mark.parametrize(("left", "right"), [(4.0, 4.0), (4.0, 2.0), (1.0, 4.0), (6.0, 0.0)])
def test_two_limbs_give_the_symmetry_of_their_energies(left: float, right: float) -> None:
    columns = danced(12.0, left=left, right=right).read(13 * NS)
    expected = 1.0 - abs(left**2 - right**2) / (left**2 + right**2)
    assert columns[SYMMETRY] == pytest.approx(expected, abs=0.03)
    assert columns[ENERGY] == pytest.approx(math.sqrt((left**2 + right**2) / 4.0), rel=0.15)
    assert columns[FREQ] == pytest.approx(2.0, abs=0.05)


def test_symmetry_follows_within_seconds_and_rests_with_the_body() -> None:
    body = danced(8.0, left=4.0, right=4.0)
    for i in range(400):
        t_ns = 9 * NS + i * 10 * MS
        body.update("acceleration", t_ns, swing(t_ns, 4.0), "left")
        body.update("acceleration", t_ns, swing(t_ns, 0.0), "right")
    assert body.read(13 * NS)[SYMMETRY] < 0.35
    for i in range(3000):
        t_ns = 13 * NS + i * 10 * MS
        for limb in LIMBS:
            body.update("acceleration", t_ns, swing(t_ns, 0.02), limb)
    held = body.read(43 * NS)
    assert held[SYMMETRY] < 0.35  # two phones at rest are no proof of symmetry
    assert held[ENERGY] < 0.1


def test_hips_lead_while_they_are_heard_and_the_livelier_limb_after_them() -> None:
    body = danced(12.0, left=1.0, right=5.0, hips=2.0)
    assert body.read(13 * NS)[FREQ] == pytest.approx(1.5, abs=0.05)
    for i in range(100):
        t_ns = 13 * NS + i * 10 * MS
        body.update("acceleration", t_ns, swing(t_ns, 1.0), "left")
        body.update("acceleration", t_ns, swing(t_ns, 5.0), "right")
    assert body.read(14 * NS)[FREQ] == pytest.approx(2.0, abs=0.05)


def test_a_silent_limb_leaves_the_other_alone_without_a_jump() -> None:
    body = danced(12.0, left=4.0, right=1.0)
    before = body.read(13 * NS)[ENERGY]
    energies = []
    for i in range(200):
        t_ns = 13 * NS + i * 10 * MS
        body.update("acceleration", t_ns, swing(t_ns, 1.0), "right")
        energies.append(float(body.read(t_ns)[ENERGY]))
    assert np.abs(np.diff([before, *energies])).max() < 0.5
    assert energies[-1] == pytest.approx(1.0 / math.sqrt(2.0), rel=0.2)


@pytest.mark.parametrize("limb", ["", *LIMBS])
def test_one_sensor_gives_its_own_columns_wherever_it_is_worn(limb: str) -> None:
    body, alone = BodyMotion(), MotionFeatures()
    for i in range(700):
        t_ns = NS + i * 10 * MS
        for features, where in ((body, (limb,)), (alone, ())):
            features.update("acceleration", t_ns, swing(t_ns, 3.0), *where)
        np.testing.assert_array_equal(body.read(t_ns), alone.read(t_ns))


def test_state_goes_on_bit_for_bit() -> None:
    one, other = danced(5.0, left=4.0, right=2.0, hips=1.0), BodyMotion()
    other.load_state(one.state())
    for i in range(300):
        t_ns = 6 * NS + i * 10 * MS
        for body in (one, other):
            body.update("acceleration", t_ns, swing(t_ns, 1.0), "left")
            body.update("acceleration", t_ns, swing(t_ns, 3.0), "right")
        np.testing.assert_array_equal(one.read(t_ns), other.read(t_ns))


@pytest.mark.parametrize(
    ("source", "limb"),
    [
        ("phone:10.0.0.2@left", "left"),
        ("phone:10.0.0.2:7@right", "right"),
        ("phone:10.0.0.2", ""),
        ("left", ""),
        ("phone@pocket", ""),
        ("", ""),
    ],
)
def test_the_limb_travels_in_the_packets_source(source: str, limb: str) -> None:
    assert SensorPacket("acceleration", 0, 0, 1, 1, None, source, (0.0, 0.0, G)).limb == limb


def test_frames_tell_limbs_apart_by_the_packets_alone() -> None:
    builder = FrameBuilder(1, home_bpm=60)
    for k in range(1, 500):
        t_ns = k * 20 * MS
        sizes = {"phone:a@left": 4.0, "phone:b@right": 2.0}
        packets = [
            SensorPacket("acceleration", 0, 0, t_ns, t_ns, None, source, swing(t_ns, size))
            for source, size in sizes.items()
        ]
        frame = builder.build(k, 1, t_ns, packets)
    assert frame.motion[0, SYMMETRY] == pytest.approx(0.4, abs=0.03)
