"""A vector sent in three messages is put together from one moment's numbers, or counted as lost."""

from __future__ import annotations

from itertools import permutations

import pytest
from osc_datagrams import RecordingEmit, message

from choreo_adapters.osc.presets.axes import WINDOW_NS, AxisJoin
from choreo_adapters.sensors.osc_motion import OscMotion
from choreo_service.clock import VirtualClock

MS = 1_000_000


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_any_order_gives_the_vector_once(order: tuple[int, ...]) -> None:
    join = AxisJoin()
    results = [join.add(axis, 10.0 + axis, i * MS) for i, axis in enumerate(order)]
    assert results == [(None, 0), (None, 0), ((10.0, 11.0, 12.0), 0)]


def test_a_lost_axis_costs_its_own_sample_and_no_other() -> None:
    join = AxisJoin()
    vectors, given_up = [], 0
    for i in range(10):
        for axis in range(3):
            if (i, axis) == (4, 1):
                continue
            vector, lost = join.add(axis, float(i), i * 20 * MS)
            given_up += lost
            if vector:
                vectors.append(vector)
    assert vectors == [(float(i),) * 3 for i in range(10) if i != 4]
    assert given_up == 2


def test_numbers_of_different_moments_are_not_joined() -> None:
    join = AxisJoin()
    join.add(0, 1.0, 0)
    join.add(1, 1.0, 0)
    assert join.add(2, 9.0, WINDOW_NS + 1) == (None, 2)
    assert join.add(0, 9.0, WINDOW_NS + 1) == (None, 0)
    assert join.add(1, 9.0, WINDOW_NS + 1) == ((9.0, 9.0, 9.0), 0)


class Rig:
    def __init__(self, **config: object) -> None:
        self.emit = RecordingEmit()
        self.adapter = OscMotion(OscMotion.Config.model_validate(config), self.emit, VirtualClock())

    def send(self, data: bytes, at_ns: int = 0, ip: str = "10.0.0.1") -> None:
        self.adapter.receiver.hear([(data, ip, 10**9 + at_ns)])


@pytest.mark.parametrize("layout", ["auto", "oschook"])
def test_oschooks_axes_become_streams_in_si_units(layout: str) -> None:
    rig = Rig(layout=layout)
    for kind, value in (("raw", 9.5), ("linear", 0.5), ("gravity", 9.0)):
        for axis in "xyz":
            rig.send(message(f"/accelerometer/{kind}/{axis}", "f", value if axis == "z" else 0.0))
    assert rig.emit.streams() == {
        "acceleration": (0.0, 0.0, 9.5),
        "linear_acceleration": (0.0, 0.0, 0.5),
        "gravity": (0.0, 0.0, 9.0),
    }
    assert not rig.emit.refused
    assert rig.adapter.health()["sources"]["10.0.0.1"]["samples"] == 3


def test_phones_are_joined_apart() -> None:
    rig = Rig(performers=2)
    for axis, value in zip("xyz", (1.0, 2.0, 3.0), strict=True):
        for k, ip in enumerate(("10.0.0.1", "10.0.0.2")):
            rig.send(message(f"/accelerometer/raw/{axis}", "f", value + 10.0 * k), ip=ip)
    assert [(s.performer, s.values) for s in rig.emit.samples] == [(0, (1.0, 2.0, 3.0)), (1, (11.0, 12.0, 13.0))]


def test_a_lost_or_spoiled_axis_is_counted() -> None:
    rig = Rig()
    rig.send(message("/accelerometer/raw/x", "f", 1.0))
    rig.send(message("/accelerometer/raw/y", "f", float("nan")))
    rig.send(message("/accelerometer/raw/z", "s", "much"))
    rig.send(message("/accelerometer/raw/z", "f", 1e6))
    rig.send(message("/accelerometer/raw/x", "f", 1.0), at_ns=20 * MS)
    assert rig.emit.samples == []
    assert rig.emit.refused == {"not finite": 1, "wrong arguments": 1, "implausible value": 1, "axis missing": 1}
    assert rig.adapter.health()["rejected"] == dict(rig.emit.refused)
