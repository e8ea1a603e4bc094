"""Known answers: what each phone app sends becomes the right stream in SI units, single and bundled."""

from __future__ import annotations

import math
from typing import get_args

import pytest
from osc_datagrams import RecordingEmit, bundle, message

from choreo_adapters.osc.addresses import CACHE_SIZE, AddressBook
from choreo_adapters.osc.presets import LAYOUTS, TIME_UNITS_NS, UNITS, Layout
from choreo_adapters.sensors.osc_motion import PLAUSIBLE, OscMotion
from choreo_service.clock import VirtualClock
from choreo_service.packets import STREAMS

PHONE = "192.168.1.20"
G = 9.80665

# layout -> (messages of one instant, streams that must come out, source)
KNOWN: dict[str, tuple[list[bytes], dict[str, tuple[float, ...]], str]] = {
    "comote": (
        [
            # osc-js turns whole numbers into int32: the tags differ from sample to sample.
            message("/comote/v3/7/accelerometer", "fiiif", 0.5, 0, -9, 1234, 60.0),
            message("/comote/v3/7/gyroscope", "fffdf", 0.25, -0.5, 1.0, 1234.5, 60.0),
            message("/comote/v3/7/gravity", "fffif", 0.0, 0.0, 9.5, 1234, 60.0),
            message("/comote/v3/7/absoluteorientation/quaternion", "ffffif", 0.0, 0.0, 0.0, 1.0, 1234, 60.0),
            message("/comote/v3/7/battery", "fiff", 0.5, 1, 0.0, 3.4e38),
            message("/comote/v3/7/heading", "fffif", 10.0, 11.0, 1.0, 1234, 60.0),
        ],
        {"acceleration": (0.5, 0.0, -9.0), "rotation_rate": (0.25, -0.5, 1.0), "gravity": (0.0, 0.0, 9.5)},
        f"{PHONE}:comote/7",
    ),
    "comote v2": (
        [message("/comote/42/devicemotion", "fffffff", 16.0, 1.0, 2.0, 3.0, 90.0, 180.0, -90.0)],
        {"acceleration": (1.0, 2.0, 3.0), "rotation_rate": (math.pi, -math.pi / 2, math.pi / 2)},
        f"{PHONE}:42",
    ),
    "gyrosc": (
        [
            message("/gyrosc/accel", "fff", 0.0, -0.5, 1.0),
            message("/gyrosc/rrate", "fff", 0.5, 1.0, 1.5),
            message("/gyrosc/grav", "fff", 0.0, 0.0, -1.0),
            message("/gyrosc/gyro", "fff", 9.0, 9.0, 9.0),
            message("/gyrosc/quat", "ffff", 1.0, 0.0, 0.0, 0.0),
        ],
        {"linear_acceleration": (0.0, G / 2, -G), "rotation_rate": (0.5, 1.0, 1.5), "gravity": (0.0, 0.0, G)},
        PHONE,
    ),
    "sensors2osc": (
        [
            message("/accelerometer", "fff", 0.0, 0.5, 9.75),
            message("/linearacceleration", "fff", 0.0, 0.5, 0.25),
            message("/gravity", "fff", 0.0, 0.0, 9.5),
            message("/gyroscope", "fff", 1.0, 2.0, 3.0),
            message("/bt/heartrate", "f", 72.0),
            message("/rotationvector", "fffff", 0.0, 0.0, 0.0, 1.0, 0.0),
        ],
        {
            "acceleration": (0.0, 0.5, 9.75),
            "linear_acceleration": (0.0, 0.5, 0.25),
            "gravity": (0.0, 0.0, 9.5),
            "rotation_rate": (1.0, 2.0, 3.0),
            "heart_rate": (72.0,),
        },
        PHONE,
    ),
    "zigsim old": (
        [
            message("/8F3A-1C/deviceinfo", "sssii", "José's iPhone", "uuid", "ios", 1170, 2532),
            message("/8F3A-1C/accel", "fff", 1.0, 0.0, 0.0),
            message("/8F3A-1C/gyro", "fff", 1.0, 0.5, 0.25),
            message("/8F3A-1C/quaternion", "ffff", 0.0, 0.0, 0.0, 1.0),
        ],
        {"linear_acceleration": (-G, 0.0, 0.0), "rotation_rate": (1.0, 0.5, 0.25)},
        f"{PHONE}:8F3A-1C",
    ),
    "zigsim pro": (
        [
            message("/ZIGSIM/t_2x-NTv/accel", "fff", 0.0, 1.0, 0.0),
            message("/ZIGSIM/t_2x-NTv/gravity", "fff", 0.0, 0.0, -1.0),
        ],
        {"linear_acceleration": (0.0, -G, 0.0), "gravity": (0.0, 0.0, G)},
        f"{PHONE}:t_2x-NTv",
    ),
    "rime": (
        [message("/sensors", "f" * 18, *(9.0,) * 3, 0.0, 1.0, 0.0, *(9.0,) * 6, 0.0, 0.0, -1.0, 0.5, 1.0, 1.5)],
        {"linear_acceleration": (0.0, -G, 0.0), "gravity": (0.0, 0.0, G), "rotation_rate": (0.5, 1.0, 1.5)},
        PHONE,
    ),
    "tdlidar": (
        [
            message(f"/tdlidar/motion/{part}/{axis}", "f", value)
            for part, vector in (
                ("accel", (0.0, 0.5, 0.0)),
                ("rotation", (1.0, 2.0, 3.0)),
                ("gravity", (0.0, 0.0, -1.0)),
                ("magnetic", (30.0, 0.0, -40.0)),
            )
            for axis, value in zip("xyz", vector, strict=True)
        ],
        {"linear_acceleration": (0.0, -G / 2, 0.0), "rotation_rate": (1.0, 2.0, 3.0), "gravity": (0.0, 0.0, G)},
        PHONE,
    ),
    "choreo": (
        [
            message("/choreo/motion", "ffffff", 1.0, 2.0, 3.0, 4.0, 5.0, 6.0),
            message("/choreo/motion/linear", "fff", 0.5, 0.0, 0.0),
            message("/choreo/motion/gravity", "fff", 0.0, 9.5, 0.0),
            message("/choreo/heart", "f", 61.0),
            message("/choreo/context", "f", 0.75),
        ],
        {
            "acceleration": (1.0, 2.0, 3.0),
            "rotation_rate": (4.0, 5.0, 6.0),
            "linear_acceleration": (0.5, 0.0, 0.0),
            "gravity": (0.0, 9.5, 0.0),
            "heart_rate": (61.0,),
            "context": (0.75,),
        },
        PHONE,
    ),
    "choreo single": (
        [message("/choreo/motion/accel", "fff", 0.0, 0.0, 9.5), message("/choreo/motion/gyro", "fff", 0.0, 0.0, 1.0)],
        {"acceleration": (0.0, 0.0, 9.5), "rotation_rate": (0.0, 0.0, 1.0)},
        PHONE,
    ),
}


def _heard(layout: str, *datagrams: bytes) -> RecordingEmit:
    emit = RecordingEmit()
    adapter = OscMotion(OscMotion.Config.model_validate({"layout": layout}), emit, VirtualClock())
    for data in datagrams:
        adapter.receiver.hear([(data, PHONE, 1_000_000)])
    return emit


@pytest.mark.parametrize("bundled", [False, True], ids=["single", "bundled"])
@pytest.mark.parametrize("auto", [False, True], ids=["named", "auto"])
@pytest.mark.parametrize("case", KNOWN)
def test_known_answers(case: str, auto: bool, bundled: bool) -> None:
    messages, expected, source = KNOWN[case]
    layout = "auto" if auto else case.split()[0]
    emit = _heard(layout, *([bundle(*messages)] if bundled else messages))
    assert {name: pytest.approx(values, abs=1e-6) for name, values in expected.items()} == emit.streams()
    assert {s.source for s in emit.samples} == {source}
    assert not emit.refused


def test_the_devices_own_time_becomes_nanoseconds() -> None:
    emit = _heard("comote", *KNOWN["comote"][0])
    assert [s.source_ns for s in emit.samples] == [1_234_000_000, 1_234_500_000, 1_234_000_000]
    assert {s.source_ns for s in _heard("gyrosc", *KNOWN["gyrosc"][0]).samples} == {None}


@pytest.mark.parametrize("time", [math.nan, math.inf, -math.inf, 1e300])
def test_an_absurd_device_time_costs_only_the_time(time: float) -> None:
    [sample] = _heard("comote", message("/x/v3/y/gravity", "fffdf", 0.0, 0.0, 9.5, time, 60.0)).samples
    assert sample.source_ns is None


REFUSED = {
    "not a number": (message("/choreo/motion/gyro", "fff", 0.0, math.nan, 0.0), "not finite"),
    "infinite": (message("/choreo/heart", "f", math.inf), "not finite"),
    "strap without data": (message("/bt/heartrate", "f", math.nan), "not finite"),
    "too few": (message("/choreo/motion/accel", "ff", 0.0, 0.0), "wrong arguments"),
    "text": (message("/choreo/motion/accel", "sss", "a", "b", "c"), "wrong arguments"),
    "booleans are not numbers": (message("/choreo/context", "T", True), "wrong arguments"),
    "a phone that fell off a cliff": (message("/choreo/motion/accel", "fff", 0.0, 0.0, 1e6), "implausible value"),
    "watch without skin contact": (message("/heartrate", "f", 0.0), "implausible value"),
    "unknown": (message("/1/fader1", "f", 0.5), "unknown address"),
}


@pytest.mark.parametrize(("data", "cause"), REFUSED.values(), ids=REFUSED.keys())
def test_refused_samples_are_counted_and_never_emitted(data: bytes, cause: str) -> None:
    emit = _heard("auto", data)
    assert emit.samples == []
    assert emit.refused == {cause: 1}


def test_a_bad_half_does_not_cost_the_good_one() -> None:
    emit = _heard("choreo", message("/choreo/motion", "ffffff", 0.0, 0.0, 9.5, math.nan, 0.0, 0.0))
    assert emit.streams() == {"acceleration": (0.0, 0.0, 9.5)}
    assert emit.refused == {"not finite": 1}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS.keys())
def test_the_tables_are_consistent(layout: Layout) -> None:
    assert layout.streams() or layout.axes
    assert layout.steps
    for route in layout.routes:
        assert layout.address(route, key="x").startswith("/")
        if route.stream is None:
            continue
        assert len(route.args) == STREAMS[route.stream].width
        assert max(route.args) < len(route.typetags)
        assert route.unit in UNITS
        assert route.stream in PLAUSIBLE
        assert route.time_unit in TIME_UNITS_NS
        assert {route.typetags[i] for i in route.args} == {"f"}


def test_the_configuration_offers_every_layout() -> None:
    choices = get_args(OscMotion.Config.model_fields["layout"].annotation)
    assert set(choices) == {"auto", *LAYOUTS}


def test_every_message_an_encoder_builds_from_the_tables_is_understood_by_its_own_layout_in_auto() -> None:
    book = AddressBook(LAYOUTS.values())
    for layout in LAYOUTS.values():
        for route in layout.routes:
            match = book.match(layout.address(route, key="x"))
            assert match is not None
            assert match.layout == layout.name
            assert (route in match.routes) == (route.stream is not None)


def test_placeholders_take_one_segment_that_is_not_empty() -> None:
    book = AddressBook(LAYOUTS.values())
    assert book.match("//accel") is None
    assert book.match("/a/b/accel") is None
    assert book.match("/ZIGSIM/a/b/accel") is None
    assert book.match("/accel") is None


def test_a_flood_of_invented_addresses_stays_bounded_and_hides_no_genuine_one() -> None:
    book = AddressBook(LAYOUTS.values())
    for i in range(3 * CACHE_SIZE):
        assert book.match(f"/a{i}/b{i}") is None
        assert len(book._cache) <= CACHE_SIZE
    genuine = book.match("/phone/accel")
    assert genuine is not None
    assert genuine.device == "phone"
