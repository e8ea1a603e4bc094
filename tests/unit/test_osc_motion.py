"""The OSC sensor: several phones, units measured before use, health, configuration."""

from __future__ import annotations

import math
import random

import pytest
from osc_datagrams import RecordingEmit, bundle, message
from pydantic import ValidationError

from choreo_adapters.osc.roster import MAX_DEVICES
from choreo_adapters.sensors.osc_motion import OscMotion
from choreo_service.clock import VirtualClock

MS = 1_000_000
S = 1_000 * MS
G = 9.80665
STILL = message("/choreo/motion/accel", "fff", 0.0, 0.0, 9.75)
HEART = message("/choreo/heart", "f", 70.0)


class Rig:
    """An adapter fed by hand."""

    def __init__(self, **config: object) -> None:
        self.emit = RecordingEmit()
        self.adapter = OscMotion(OscMotion.Config.model_validate(config), self.emit, VirtualClock())

    def send(self, ip: str, data: bytes, at_ns: int = S) -> None:
        self.adapter.receiver.hear([(data, ip, at_ns)])

    def performers(self) -> list[tuple[str, int]]:
        """(source, performer) of every sample so far."""
        return [(s.source, s.performer) for s in self.emit.samples]


def test_the_first_phone_plays_and_a_second_one_is_told_so() -> None:
    rig = Rig()
    rig.send("10.0.0.1", STILL)
    rig.send("10.0.0.2", STILL)
    assert rig.performers() == [("10.0.0.1", 0)]
    assert rig.emit.refused == {"unknown performer": 1}


def test_phones_are_seated_in_order_of_arrival() -> None:
    rig = Rig(performers=2)
    for ip in ("10.0.0.2", "10.0.0.1", "10.0.0.2", "10.0.0.3"):
        rig.send(ip, STILL)
    assert rig.performers() == [("10.0.0.2", 0), ("10.0.0.1", 1), ("10.0.0.2", 0)]


def test_two_devices_behind_one_address_are_two_performers() -> None:
    rig = Rig(performers=2)
    for name in ("left", "right", "left"):
        rig.send("10.0.0.1", message(f"/{name}/accel", "fff", 0.0, 0.0, 0.0))
    assert rig.performers() == [("10.0.0.1:left", 0), ("10.0.0.1:right", 1), ("10.0.0.1:left", 0)]


def test_a_heart_rate_from_another_device_belongs_to_the_same_performer() -> None:
    rig = Rig()
    rig.send("10.0.0.9", HEART)
    rig.send("10.0.0.1", STILL)
    assert rig.performers() == [("10.0.0.9", 0), ("10.0.0.1", 0)]


def test_a_phone_keeps_its_performer_over_all_its_streams() -> None:
    rig = Rig(performers=2)
    for ip, data in (("10.0.0.1", STILL), ("10.0.0.2", STILL), ("10.0.0.2", HEART), ("10.0.0.1", HEART)):
        rig.send(ip, data)
    assert [performer for _, performer in rig.performers()] == [0, 1, 1, 0]


def test_no_performer_gets_two_hearts() -> None:
    rig = Rig(performers=2)
    for ip, data in (("10.0.0.1", STILL), ("10.0.0.2", STILL), ("10.0.0.9", HEART), ("10.0.0.1", HEART)):
        rig.send(ip, data)
    assert rig.performers() == [("10.0.0.1", 0), ("10.0.0.2", 1), ("10.0.0.9", 0)]
    assert rig.emit.refused == {"unknown performer": 1}


@pytest.mark.parametrize("key", ["10.0.0.2", "left", "10.0.0.2:left"])
def test_assignment_by_address_name_or_both(key: str) -> None:
    rig = Rig(performers=2, assign={key: 0})
    rig.send("10.0.0.1", STILL)
    rig.send("10.0.0.2", message("/left/accel", "fff", 0.0, 0.0, 0.0))
    assert rig.performers() == [("10.0.0.1", 1), ("10.0.0.2:left", 0)]


def test_a_phone_that_comes_back_under_another_address_takes_its_seat_after_silence() -> None:
    rig = Rig(release_after_s=10)
    rig.send("10.0.0.1", STILL, at_ns=S)
    rig.send("10.0.0.7", STILL, at_ns=10 * S)
    assert rig.emit.refused == {"unknown performer": 1}
    rig.send("10.0.0.7", STILL, at_ns=11 * S)
    rig.send("10.0.0.1", STILL, at_ns=12 * S)
    assert rig.performers() == [("10.0.0.1", 0), ("10.0.0.7", 0)]
    assert set(rig.adapter.health()["sources"]) == {"10.0.0.7"}


def test_nonsense_takes_nobodys_place() -> None:
    rig = Rig()
    rig.send("10.0.0.66", message("/choreo/motion/accel", "fff", 1e6, 0.0, 0.0))
    rig.send("10.0.0.66", message("/choreo/motion/accel", "fff", math.nan, 0.0, 0.0))
    rig.send("10.0.0.1", STILL)
    assert rig.performers() == [("10.0.0.1", 0)]


def test_invented_device_names_and_sources_stay_bounded() -> None:
    rig = Rig(assign={"10.0.0.1": 0}, rate_limit_hz=20_000, burst=20_000)
    for i in range(2000):
        rig.send("10.0.0.1", message(f"/name{i}/accel", "fff", 0.0, 0.0, 0.0), at_ns=S + i * MS)
        rig.send(f"10.1.{i // 250}.{i % 250}", STILL, at_ns=S + i * MS)
    health = rig.adapter.health()
    assert len(health["sources"]) <= MAX_DEVICES
    assert len(rig.emit.refused_sources) <= 130
    assert len(rig.emit.samples) + rig.emit.refused.total() == 4000


def _sway(meaning: str, seconds: float, strength: float, seed: int = 1) -> list[tuple[int, bytes, tuple[float, ...]]]:
    """(time, datagram, linear or specific force in m/s^2): 50 Hz of movement around gravity (0, 6, 7.76)."""
    rng = random.Random(seed)
    out = []
    for i in range(round(seconds * 50)):
        moved = tuple(strength * math.sin(i * 0.11 + axis) + rng.gauss(0.0, 0.02) for axis in range(3))
        felt = tuple(m + g for m, g in zip(moved, (0.0, 6.0, 7.76), strict=True))
        shown = moved if meaning == "user g" else felt
        scale = 1.0 if meaning == "m/s^2" else 1.0 / G
        data = message("/accxyz", "fff", *(v * scale for v in shown))
        out.append((S + i * 20 * MS, data, shown))
    return out


@pytest.mark.parametrize(
    ("meaning", "stream"),
    [("m/s^2", "acceleration"), ("g", "acceleration"), ("user g", "linear_acceleration")],
)
@pytest.mark.parametrize("strength", [0.0, 1.5], ids=["at rest", "swaying"])
def test_an_ambiguous_unit_is_measured(meaning: str, stream: str, strength: float) -> None:
    rig = Rig()
    truth = _sway(meaning, 3.0, strength)
    for at_ns, data, _ in truth:
        rig.send("10.0.0.1", data, at_ns)
    withheld = rig.emit.refused["unit undecided"]
    assert withheld >= 99  # nothing before two seconds have been seen
    assert rig.emit.samples
    assert withheld + len(rig.emit.samples) == len(truth)
    for sample, (_, _, shown) in zip(rig.emit.samples, truth[withheld:], strict=True):
        assert sample.stream == stream
        assert sample.values == pytest.approx(shown, abs=1e-3)


def test_movement_without_gravity_is_not_mistaken_for_gravity_and_decided_at_the_first_rest() -> None:
    rig = Rig()
    dance = [(at, data) for at, data, _ in _sway("user g", 10.0, 8.0)]
    rest = [(at + 10 * S, data) for at, data, _ in _sway("user g", 5.0, 0.0)]
    for at_ns, data in dance:
        rig.send("10.0.0.1", data, at_ns)
    assert rig.emit.samples == []
    assert rig.adapter.health()["sources"]["10.0.0.1"]["units"] == {"acceleration": "undecided"}
    for at_ns, data in rest:
        rig.send("10.0.0.1", data, at_ns)
    assert {s.stream for s in rig.emit.samples} == {"linear_acceleration"}


def test_a_tumbling_phone_is_not_taken_for_one_in_g() -> None:
    rig = Rig()
    for i in range(500):  # gravity in m/s^2 going round and round, so that its mean is only about 1 long
        turned = (G * math.cos(i * 0.4), G * math.sin(i * 0.4), 1.0)
        rig.send("10.0.0.1", message("/accxyz", "fff", *turned), at_ns=S + i * 20 * MS)
    assert rig.emit.samples == []


def test_two_samples_far_apart_decide_nothing() -> None:
    rig = Rig()
    for i in range(10):
        rig.send("10.0.0.1", message("/accxyz", "fff", 0.0, 0.0, 1.0), at_ns=S + i * 3 * S)
    assert rig.emit.samples == []


def test_two_phones_may_use_different_units() -> None:
    rig = Rig(performers=2)
    for (at_ns, si, _), (_, g, _) in zip(_sway("m/s^2", 3.0, 0.0), _sway("g", 3.0, 0.0), strict=True):
        rig.send("10.0.0.1", si, at_ns)
        rig.send("10.0.0.2", g, at_ns)
    assert {s.performer for s in rig.emit.samples} == {0, 1}
    assert all(math.hypot(*s.values) == pytest.approx(G, rel=0.02) for s in rig.emit.samples)


def test_receive_time_is_handed_on() -> None:
    rig = Rig()
    rig.send("10.0.0.1", bundle(STILL, STILL), at_ns=123_456_789)
    assert [s.rx_ns for s in rig.emit.samples] == [123_456_789, 123_456_789]


def test_health_tells_who_sends_what_and_how_fast() -> None:
    rig = Rig()
    for i in range(300):
        rig.send("10.0.0.1", STILL, at_ns=S + i * 10 * MS)
    rig.send("10.0.0.1", message("/my/fader", "fs", 0.25, "x"))
    rig.adapter._clock.advance(3 * S)  # type: ignore[attr-defined]
    health = rig.adapter.health()
    assert health["state"] == "closed"
    assert health["packets"] == 301
    assert health["rejected"] == {"unknown address": 1}
    assert health["unknown_addresses"] == {"/my/fader": [0.25]}
    facts = health["sources"]["10.0.0.1"]
    assert (facts["performer"], facts["layout"], facts["samples"]) == (0, "choreo", 300)
    assert facts["rate_hz"] == pytest.approx(100.0, rel=0.02)


def test_health_remembers_only_a_few_unknown_addresses() -> None:
    rig = Rig(burst=1000)
    for i in range(200):
        rig.send("10.0.0.1", message(f"/unknown/{i}", "f", float(i)))
    kept = rig.adapter.health()["unknown_addresses"]
    assert len(kept) == 16
    assert kept["/unknown/199"] == [199.0]


def test_only_allowed_sources_are_heard() -> None:
    rig = Rig(allow=["10.0.0.1"])
    rig.send("10.0.0.2", STILL)
    rig.send("10.0.0.1", STILL)
    assert rig.performers() == [("10.0.0.1", 0)]
    assert rig.emit.refused == {"source not allowed": 1}


@pytest.mark.parametrize(
    "wrong",
    [
        {"prot": 9000},
        {"host": "phone.local"},
        {"allow": ["phone.local"]},
        {"port": 70_000},
        {"layout": "unheard-of"},
        {"assign": {"10.0.0.1": 1}, "performers": 1},
        {"assign": {"10.0.0.1": -1}},
        {"performers": 0},
        {"rate_limit_hz": math.inf},
        {"burst": 0},
    ],
)
def test_wrong_configuration_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        OscMotion.Config.model_validate(wrong)


def test_localhost_needs_no_name_service() -> None:
    assert OscMotion.Config(host="localhost").host == "127.0.0.1"
