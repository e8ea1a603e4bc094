"""Several phones, their clocks, their silence, and layouts that are not as they promise."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from osc_datagrams import APPS, Moment, RecordingEmit, bundle, message
from pydantic import ValidationError

from choreo_adapters.sensors.osc_motion import OscMotion
from choreo_service.clock import MS, NS, VirtualClock
from choreo_service.features import BodyMotion

G = 9.80665
LEFT, RIGHT, POCKET = "10.0.0.1", "10.0.0.2", "10.0.0.3"
SYMMETRY = 5


class Rig:
    """An adapter fed by hand, and the features of performer 0 from what it emits."""

    def __init__(self, **config: object) -> None:
        self.emit, self.clock = RecordingEmit(), VirtualClock()
        self.adapter = OscMotion(OscMotion.Config.model_validate(config), self.emit, self.clock)

    def send(self, ip: str, *datagrams: bytes, at_ns: int) -> None:
        self.clock.advance(at_ns - self.clock.now_ns())
        for data in datagrams:
            self.adapter.receiver.hear([(data, ip, at_ns)])

    def sources(self) -> set[tuple[str, int]]:
        return {(s.source, s.performer) for s in self.emit.samples}

    def facts(self, source: str) -> dict[str, object]:
        return self.adapter.health()["sources"][source]  # type: ignore[no-any-return]


def accel(*values: float) -> bytes:
    return message("/choreo/motion/accel", "fff", *values)


STILL = accel(0.0, 0.0, 9.75)


def test_two_phones_on_one_body_give_true_symmetry() -> None:
    rig, body = Rig(limbs={LEFT: "left", RIGHT: "right"}), BodyMotion()
    for i in range(1000):
        t_ns = NS + i * 10 * MS
        for ip, size in ((LEFT, 4.0), (RIGHT, 2.0)):
            rig.send(ip, accel(0.0, 0.0, G + size * math.sin(i * 0.12)), at_ns=t_ns)
    for s in rig.emit.samples:
        assert s.rx_ns is not None
        body.update(s.stream, s.rx_ns, s.values, s.source.partition("@")[2])
    assert rig.sources() == {(f"{LEFT}@left", 0), (f"{RIGHT}@right", 0)}
    assert not rig.emit.refused
    assert body.read(11 * NS)[SYMMETRY] == pytest.approx(1.0 - (16.0 - 4.0) / (16.0 + 4.0), abs=0.03)


def test_a_limb_has_one_phone_and_the_body_another() -> None:
    rig = Rig(limbs={LEFT: "left", RIGHT: "left"})
    for ip in (LEFT, RIGHT, POCKET):
        rig.send(ip, STILL, at_ns=NS)
    assert rig.sources() == {(f"{LEFT}@left", 0), (POCKET, 0)}
    assert rig.emit.refused == {"unknown performer": 1}


def test_four_phones_on_two_bodies_where_the_configuration_says() -> None:
    names = {"a": (0, "left"), "b": (0, "right"), "c": (1, "left"), "d": (1, "right")}
    rig = Rig(performers=2, assign={n: p for n, (p, _) in names.items()}, limbs={n: x for n, (_, x) in names.items()})
    for name in "dbca":
        rig.send(LEFT, message(f"/{name}/accel", "fff", 0.0, 0.0, 0.0), at_ns=NS)
    assert rig.sources() == {(f"{LEFT}:{n}@{limb}", p) for n, (p, limb) in names.items()}


def test_an_assigned_body_keeps_room_for_the_phone_on_its_limb() -> None:
    rig = Rig(assign={POCKET: 0}, limbs={LEFT: "left"})
    rig.send(LEFT, STILL, at_ns=NS)
    rig.send(RIGHT, STILL, at_ns=NS)  # nobody's: the body waits for its own
    rig.send(POCKET, STILL, at_ns=NS)
    assert rig.sources() == {(f"{LEFT}@left", 0), (POCKET, 0)}


def test_two_phones_on_one_body_have_one_heart() -> None:
    rig = Rig(limbs={LEFT: "left", RIGHT: "right"})
    for ip in (LEFT, RIGHT):
        rig.send(ip, message("/choreo/heart", "f", 70.0), at_ns=NS)
    assert rig.sources() == {(f"{LEFT}@left", 0)}


def test_a_limb_is_left_or_right() -> None:
    with pytest.raises(ValidationError):
        OscMotion.Config.model_validate({"limbs": {LEFT: "tail"}})


@pytest.mark.parametrize("hold_up_ms", [0, 80])
def test_comotes_own_time_places_its_samples_and_never_after_their_arrival(hold_up_ms: int) -> None:
    rig = Rig()
    for i in range(300):
        late_ms = 4 + (hold_up_ms if i % 50 == 37 else 0)
        sent = message("/comote/v3/7/accelerometer", "fffif", 0.0, 0.0, 9.75, 5000 + i * 10, 100.0)
        rig.send(LEFT, sent, at_ns=NS + (i * 10 + late_ms) * MS)
    assert [s.rx_ns for s in rig.emit.samples] == [NS + (i * 10 + 4) * MS for i in range(300)]
    assert [s.source_ns for s in rig.emit.samples][:2] == [5000 * MS, 5010 * MS]
    assert rig.facts(f"{LEFT}:comote/7")["clock"] == {"stamps": "used", "resets": 0}


def test_time_tags_are_a_device_clock_like_any_other_and_now_is_none() -> None:
    rig = Rig()
    for i in range(100):
        late_ms = 4 + 30 * (i % 20 == 7 and i > 20)
        tag = (3_900_000_000 << 32) + round((i * 10 / 1000) * 2**32)
        rig.send(LEFT, bundle(STILL, timetag=tag), at_ns=NS + (i * 10 + late_ms) * MS)
        rig.send(POCKET, bundle(message("/choreo/heart", "f", 60.0)), at_ns=rig.clock.now_ns())
    stamps = [s.rx_ns for s in rig.emit.samples if s.source == LEFT]
    assert stamps == pytest.approx([NS + (i * 10 + 4) * MS for i in range(100)], abs=1000)
    assert {s.source_ns for s in rig.emit.samples if s.source == POCKET} == {None}


def _stalled(rig: Rig, source: str, since_ns: int) -> int:
    """ms after `since_ns` at which health says so."""
    for waited_ms in range(0, 5000, 10):
        rig.clock.advance(since_ns + waited_ms * MS - rig.clock.now_ns())
        if rig.facts(source)["state"] == "silent":
            return waited_ms
    raise AssertionError("never")


@pytest.mark.parametrize("hz", [50, 100, 400])
def test_a_stall_is_seen_within_200_ms(hz: int) -> None:
    rig = Rig()
    for i in range(3 * hz):
        last_ns = NS + i * NS // hz
        rig.send(LEFT, STILL, at_ns=last_ns)
    assert rig.facts(LEFT)["state"] == "playing"
    assert 100 <= _stalled(rig, LEFT, last_ns) <= 200
    rig.send(LEFT, STILL, at_ns=last_ns + NS)
    assert (rig.facts(LEFT)["state"], rig.facts(LEFT)["stalls"]) == ("playing", 1)


@pytest.mark.parametrize(
    ("data", "hz", "at_least_ms"),
    [(message("/accelerometer", "fff", 0.0, 0.0, 9.75), 100, 2000), (message("/choreo/heart", "f", 60.0), 1, 2900)],
    ids=["unchanged", "once a second"],
)
def test_silence_that_may_be_meant_is_no_stall(data: bytes, hz: int, at_least_ms: int) -> None:
    rig = Rig()
    for i in range(5 * hz):
        last_ns = NS + i * NS // hz
        rig.send(LEFT, data, at_ns=last_ns)
    assert _stalled(rig, LEFT, last_ns) >= at_least_ms


def test_a_lost_phone_is_named_with_what_to_do() -> None:
    rig = Rig(limbs={LEFT: "left"})
    rig.adapter.receiver._socket = _Bound()  # type: ignore[assignment]
    for i in range(300):
        for ip in (LEFT, RIGHT):
            rig.send(ip, STILL, at_ns=NS + i * 10 * MS)
    assert rig.adapter.health()["state"] == "receiving"
    for i in range(300, 600):
        rig.send(RIGHT, STILL, at_ns=NS + i * 10 * MS)
    health = rig.adapter.health()
    assert (health["state"], health["reason"]) == ("silent", f"choreo at {LEFT} (left) is silent since 3 s")
    assert "screen" in health["hint"]


class _Bound:
    def getsockname(self) -> tuple[str, int]:
        return ("127.0.0.1", 9000)


Scaled = Callable[[float], bytes]
WRONG: dict[str, tuple[str, Scaled, str, str, float]] = {
    # declared, what comes, stream it must become, what health says, first value
    "acceleration in g": ("acceleration", lambda v: accel(0.0, v, 0.96), "acceleration", "g with gravity", 0.96 * G),
    "user acceleration": (
        "acceleration",
        lambda v: accel(0.0, v, 0.01),
        "linear_acceleration",
        "gravity removed, unit as in the layout",
        0.01,
    ),
    "gyrosc with gravity": (
        "linear_acceleration",
        lambda v: message("/gyrosc/accel", "fff", 0.0, v, -0.96),
        "acceleration",
        "g with gravity",
        0.96 * G,
    ),
    "gravity in g": (
        "gravity",
        lambda v: message("/choreo/motion/gravity", "fff", 0.0, v, 0.96),
        "gravity",
        "g with gravity",
        0.96 * G,
    ),
}


def test_vectors_that_come_in_pieces_are_checked_too() -> None:
    rig = Rig()
    for i in range(400):
        for axis, value in zip("xyz", (0.0, 0.002 * math.sin(i), 0.96), strict=True):
            rig.send(LEFT, message(f"/accelerometer/raw/{axis}", "f", value), at_ns=NS + i * 10 * MS)
    assert rig.emit.samples[0].values == pytest.approx((0.0, 0.0, 0.96), abs=1e-6)  # m/s^2, as receivers say
    assert rig.emit.samples[-1].values[2] == pytest.approx(0.96 * G, abs=1e-3)
    assert rig.facts(LEFT)["units"] == {"acceleration": "g with gravity"}


@pytest.mark.parametrize("case", WRONG)
def test_a_layout_that_promises_wrongly_is_corrected_in_the_first_seconds(case: str) -> None:
    declared, sent, stream, told, value = WRONG[case]
    rig = Rig()
    for i in range(400):
        rig.send(LEFT, sent(0.002 * math.sin(i)), at_ns=NS + i * 10 * MS)
    streams = [s.stream for s in rig.emit.samples]
    assert streams[:190] == [declared] * 190  # played at once, as promised
    assert streams[210:] == [stream] * 190
    assert rig.emit.samples[-1].values[2] == pytest.approx(value, abs=1e-3)
    assert rig.facts(LEFT)["units"] == {declared: told}


def test_a_spinning_dancer_does_not_pass_for_gravity() -> None:
    rig = Rig()
    for i in range(2000):  # a turn each second: a steady pull outwards of about 1 g, never quite steady
        pull = 1.0 + 0.3 * math.sin(i * 0.12)
        sent = message("/gyrosc/accel", "fff", pull, 0.25 * math.sin(i * 0.06), 0.2 * math.cos(i * 0.06))
        rig.send(LEFT, sent, at_ns=NS + i * 10 * MS)
    assert {s.stream for s in rig.emit.samples} == {"linear_acceleration"}


@pytest.mark.parametrize("app", APPS)
def test_every_app_may_play_on_a_limb(app: str) -> None:
    rig = Rig(limbs={LEFT: "left"})
    for i in range(300):
        moment = Moment(1000 + i * 10, (0.0, 0.0, 0.0), (0.0, 0.0, G), (0.0, 0.0, 0.0))
        rig.send(LEFT, *APPS[app](moment), at_ns=NS + i * 10 * MS)
    assert rig.emit.samples
    assert all(s.source.endswith("@left") for s in rig.emit.samples)
    assert set(rig.emit.refused) <= {"not finite", "unit undecided"}
