"""Whatever bytes come over the air: no crash, nothing impossible emitted, everything counted."""

from __future__ import annotations

import struct

from bumble.profiles.heart_rate_service import HeartRateService
from hypothesis import given
from hypothesis import strategies as st

from choreo_adapters.sensors.ble_heart.measurement import Measurement, parse_measurement
from choreo_adapters.sensors.ble_heart.pulse import BPM_RANGE, RR_RANGE, Pulse
from choreo_service.testing import RecordingEmit

intervals = st.lists(st.integers(0, 0xFFFF), max_size=9)
arrivals = st.lists(st.tuples(st.binary(max_size=80), st.integers(0, 2_000_000_000)), max_size=20)


@given(
    bpm=st.integers(0, 0xFFFF),
    contact=st.sampled_from((None, False, True)),
    energy=st.none() | st.integers(0, 0xFFFF),
    rr=st.none() | intervals,
)
def test_what_bumble_writes_is_read_back(
    bpm: int, contact: bool | None, energy: int | None, rr: list[int] | None
) -> None:
    """An encoder that shares no line with ours."""
    seconds = None if rr is None else tuple(v / 1024 for v in rr)
    data = bytes(HeartRateService.HeartRateMeasurement(bpm, contact, energy, seconds))
    assert parse_measurement(data) == Measurement(bpm, contact, energy, seconds or ())


@given(bpm=st.integers(0, 255), rr=intervals)
def test_a_small_rate_in_two_bytes_is_read_too(bpm: int, rr: list[int]) -> None:
    data = struct.pack(f"<BH{len(rr)}H", 0x11, bpm, *rr)
    assert parse_measurement(data) == Measurement(bpm, None, None, tuple(v / 1024 for v in rr))


@given(arrivals)
def test_no_bytes_crash_the_pulse_or_make_it_emit_the_impossible(notifications: list[tuple[bytes, int]]) -> None:
    emit = RecordingEmit()
    pulse = Pulse(emit, 0)
    now = 0
    for data, after_ns in notifications:
        now += after_ns
        pulse.take(data, now, "strap")
    assert not emit.problems
    assert all(BPM_RANGE[0] <= bpm <= BPM_RANGE[1] for (bpm,) in emit.of("heart_rate"))
    assert all(RR_RANGE[0] <= interval <= RR_RANGE[1] for (interval,) in emit.of("rr_interval"))
    whole = sum(count for cause, count in pulse.rejected.items() if cause != "implausible interval")
    assert len(emit.of("heart_rate")) + whole == len(notifications)
    assert sum(emit.rejections.values()) == pulse.rejected.total()
