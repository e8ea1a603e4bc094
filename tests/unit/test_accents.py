"""Accents on known movements and on real wrists, and their way to the bridges."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from accent_streams import accents, packets
from shows import make_accents, make_service

from choreo_service.clock import MS, NS, VirtualClock, run_virtual
from choreo_service.packets import Accent, SensorPacket
from choreo_service.testing import RecordingBridge, ScriptedSensor
from choreo_service.testing.bridges import RecordingConfig
from choreo_service.testing.sensors import ScriptConfig, ScriptStep

REST = (0.0, 0.0, 9.80665)
HIT = (0.0, 0.0, 45.0)


def test_strength_grows_with_the_hit() -> None:
    strengths = []
    for size in (2.0, 5.0, 12.0, 30.0):
        samples = [REST] * 200
        samples[150] = (0.0, 0.0, 9.80665 + size)
        (found,) = accents(packets(samples, 100.0))
        strengths.append(found.strength)
    assert strengths == sorted(strengths)
    assert strengths[0] < 0.5
    assert strengths[-1] == 1.0


def test_shaking_all_the_time_is_no_accent_but_a_hit_above_it_is() -> None:
    t = np.arange(800) / 100.0
    shaking = np.stack((4.0 * np.sin(2 * np.pi * 5 * t), np.zeros_like(t), np.full_like(t, 9.8)), axis=1)
    shaking[600, 2] += 60.0
    found = accents(packets(shaking.tolist(), 100.0))
    assert [a.seq for a in found if a.seq > 200] == [600]


def test_two_streams_of_one_hit_are_one_accent() -> None:
    samples = [REST] * 200
    samples[150] = HIT
    raw = packets(samples, 100.0)
    linear = packets([(x, y, z - REST[2]) for x, y, z in samples], 100.0, stream="linear_acceleration")
    both = [p for pair in zip(raw, linear, strict=True) for p in pair]
    assert len(accents(both)) == 1


def test_two_phones_held_differently_are_no_hits_and_one_hit_of_both_is_one_accent() -> None:
    still, hit = [[held] * 200 for held in (REST, (9.80665, 0.0, 0.0))], (30.0, 30.0, 30.0)
    for samples in still:
        samples[150] = hit
    left, right = (packets(samples, 100.0) for samples in still)
    worn = [("left", "right"), ("left", "left")]
    found = [
        accents(
            [
                dataclasses.replace(p, source_id=f"phone:{i}@{limb}")
                for both in zip(left, right, strict=True)
                for i, (p, limb) in enumerate(zip(both, limbs, strict=True))
            ]
        )
        for limbs in worn
    ]
    assert [a.seq for a in found[0]] == [150]
    assert len(found[1]) > 1  # the fake: two sensors taken for one


def test_performers_have_accents_of_their_own() -> None:
    detector = make_accents(performers=2)
    samples = [REST] * 200
    samples[150] = HIT
    found = []
    for p in packets(samples, 100.0):
        still = SensorPacket(p.stream, 1, p.seq, p.t_ns, p.rx_ns, None, "s", REST)
        found += [a for q in (p, still) if (a := detector.hear(q))]
    assert [(a.performer, a.seq) for a in found] == [(0, 150)]


def test_a_gap_is_no_hit() -> None:
    """The phone was turned over while the network was gone."""
    before, after = packets([REST] * 100, 100.0), packets([(0.0, 0.0, -9.8)] * 100, 100.0)
    later = 3 * NS
    moved = [SensorPacket(p.stream, 0, 100, p.t_ns + later, p.rx_ns + later, None, "s", p.values) for p in after]
    assert accents([*before, *moved]) == []


def test_a_take_without_raw_motion_gives_accents_by_its_jerk() -> None:
    rows = [(1.0, 2.0, 20.0, 0.0, 0.0, 0.5)] * 100
    rows[60] = (1.0, 2.0, 300.0, 0.0, 0.0, 0.5)
    assert [a.seq for a in accents(packets(rows, 50.0, stream="motion_features"))] == [60]


@pytest.mark.data
@pytest.mark.parametrize(
    ("from_s", "to_s", "least", "most"),
    [pytest.param(461, 486, 20, 90, id="gestures"), pytest.param(100, 400, 0, 6, id="sitting")],
)
def test_a_real_wrist(data_dir: Path, from_s: int, to_s: int, least: float, most: float) -> None:
    """Accents a minute of S25, a wrist at 32 Hz."""
    rate = 32
    raw = np.loadtxt(data_dir / "stress_predict" / "S25" / "ACC.csv", delimiter=",", skiprows=2)
    samples = raw[from_s * rate : to_s * rate] / 64.0 * 9.80665
    per_minute = len(accents(packets(samples.tolist(), rate))) * 60.0 / (to_s - from_s)
    assert least <= per_minute <= most


def test_an_accent_leaves_on_its_packet_not_on_the_tick() -> None:
    """A hit 3 ms after a tick: the bridge has it at that very moment, the controls wait."""
    clock, seen = VirtualClock(), list[tuple[int, Accent]]()
    start_ns = clock.now_ns()
    script = [ScriptStep(at_s=i / 100, stream="acceleration", values=REST) for i in range(100)]
    script.append(ScriptStep(at_s=1.003, stream="acceleration", values=HIT))
    service = make_service(
        clock,
        {"phone": lambda e, c: ScriptedSensor(ScriptConfig(script=tuple(script)), e, c)},
        {"sink": lambda w, c: RecordingBridge(RecordingConfig(), w, c)},
        accents=make_accents(),
    )
    service.on_accent.append(lambda accent: seen.append((clock.now_ns(), accent)))
    run_virtual(clock, service.run(seconds=1.5))
    bridge = service.bridges["sink"]
    assert isinstance(bridge, RecordingBridge)
    assert [a for _, a in seen] == bridge.accents
    ((now_ns, accent),) = seen
    assert now_ns == accent.t_ns == start_ns + 1003 * MS
    assert service.controller.accents == 1


@pytest.mark.parametrize(("age_ms", "heard"), [(0, 1), (200, 1), (201, 0), (2000, 0)])
def test_a_hit_that_comes_late_is_not_played_but_told(age_ms: int, heard: int) -> None:
    """As after a stall, when what waited in the socket is read at once."""
    clock, seen = VirtualClock(), list[Accent]()
    service = make_service(clock, {}, {}, accents=make_accents())
    service.on_accent.append(seen.append)
    bridge = RecordingBridge(RecordingConfig(), {}, clock)
    service.controller.attach("sink", bridge)
    start_ns = clock.now_ns()
    clock.advance(NS + age_ms * MS)
    for i in range(100):
        values = HIT if i == 99 else REST
        service.ingress.put("acceleration", values, source_id="phone", rx_ns=start_ns + NS - (99 - i) * 10 * MS)
    assert len(seen) == 1
    assert len(bridge.accents) == heard


def test_a_bridge_that_raises_neither_stops_the_sensor_nor_the_others() -> None:
    class Faulty(RecordingBridge):
        def accent(self, accent: Accent) -> bool:
            raise KeyError("oops")

    clock = VirtualClock()
    service = make_service(clock, {}, {}, accents=make_accents())
    good, bad = (cls(RecordingConfig(), {}, clock) for cls in (RecordingBridge, Faulty))
    service.controller.attach("bad", bad)
    service.controller.attach("good", good)
    for i in range(100):
        clock.advance(10 * MS)
        service.ingress.put("acceleration", HIT if i == 99 else REST, source_id="phone")
    assert len(good.accents) == 1
    assert service.controller.bridge_faults == {"bad": "KeyError: 'oops'"}


def test_a_panic_silences_accents_until_resume() -> None:
    clock = VirtualClock()
    service = make_service(clock, {}, {}, accents=make_accents())
    bridge = RecordingBridge(RecordingConfig(), {}, clock)
    service.controller.attach("sink", bridge)
    accent = Accent(0, seq=0, t_ns=0, rx_ns=0, strength=1.0)
    service.controller.panic()
    service.controller.accent(accent)
    assert (bridge.accents, service.controller.accents) == ([], 0)
    service.controller.resume()
    service.controller.accent(accent)
    assert (bridge.accents, service.controller.accents) == ([accent], 1)
