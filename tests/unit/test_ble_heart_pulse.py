"""Which notifications become samples, and what is counted instead."""

from __future__ import annotations

import pytest

from choreo_adapters.sensors.ble_heart.pulse import DUPLICATE_NS, Pulse
from choreo_service.clock import NS
from choreo_service.testing import RecordingEmit


class _Rig:
    """A pulse and what it emitted; notifications come a second apart unless told otherwise."""

    def __init__(self, performer: int = 0) -> None:
        self.emit = RecordingEmit()
        self.pulse = Pulse(self.emit, performer)
        self.now = NS

    def take(self, data: str, after_ns: int = NS) -> None:
        self.now += after_ns
        self.pulse.take(bytes.fromhex(data), self.now, "strap")

    @property
    def causes(self) -> list[str]:
        return [cause for (source, cause) in self.emit.rejections.elements() if source == "strap"]


def test_a_rate_and_every_interval_of_its_notification_are_emitted() -> None:
    rig = _Rig(performer=2)
    rig.take("164800040003")
    assert rig.emit.of("heart_rate", 2) == [(72.0,)]
    assert rig.emit.of("rr_interval", 2) == [(1.0,), (0.75,)]
    assert {(s.source, s.rx_ns) for s in rig.emit.samples} == {("strap", rig.now)}
    assert (rig.pulse.bpm, rig.pulse.contact, rig.pulse.accepted) == (72, True, 1)
    assert not rig.emit.problems


@pytest.mark.parametrize(
    ("data", "cause"),
    [
        ("144800040003", "no skin contact"),
        ("1600", "no heart rate"),
        ("16ff", "implausible rate"),
        ("161d", "implausible rate"),
        ("17dd00", "implausible rate"),
        ("17ffff", "implausible rate"),
        ("", "malformed"),
        ("16", "malformed"),
    ],
)
def test_what_no_worn_strap_measures_is_counted_and_not_emitted(data: str, cause: str) -> None:
    rig = _Rig()
    rig.take(data)
    assert not rig.emit.samples
    assert rig.causes == [cause]
    assert rig.pulse.cause == cause
    assert rig.pulse.rejected == {cause: 1}


@pytest.mark.parametrize(("data", "bpm"), [("061e", 30.0), ("06dc", 220.0)])
def test_the_ends_of_the_plausible_range_belong_to_it(data: str, bpm: float) -> None:
    rig = _Rig()
    rig.take(data)
    assert rig.emit.of("heart_rate") == [(bpm,)]


def test_an_interval_no_heart_makes_is_refused_alone() -> None:
    rig = _Rig()
    rig.take("1648000401000108ffff")  # 1 s, 1/1024 s, just above 2 s, 64 s
    assert rig.emit.of("heart_rate") == [(72.0,)]
    assert rig.emit.of("rr_interval") == [(1.0,)]
    assert rig.causes == ["implausible interval"] * 3
    assert rig.pulse.cause == ""


def test_the_same_bytes_within_a_tenth_of_a_second_count_once() -> None:
    rig = _Rig()
    rig.take("16480004")
    rig.take("16480004", DUPLICATE_NS // 20)
    rig.take("16480004", DUPLICATE_NS // 20)
    assert rig.causes == ["duplicate"] * 2
    assert len(rig.emit.samples) == 2


def test_the_same_bytes_a_second_later_are_the_next_beat() -> None:
    rig = _Rig()
    rig.take("16480004")
    rig.take("16480004")
    assert rig.emit.of("rr_interval") == [(1.0,), (1.0,)]
    assert not rig.causes


def test_a_good_notification_ends_the_complaint() -> None:
    rig = _Rig()
    rig.take("0448")
    rig.take("0648")
    assert (rig.pulse.cause, rig.pulse.contact) == ("", True)
