"""ZIG SIM's JSON: read like its OSC; whatever else begins with a brace is refused and counted."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from osc_datagrams import G, RecordingEmit

from choreo_adapters.osc.decode import MAX_BYTES, Cause, OscError
from choreo_adapters.osc.json_datagrams import decode_json
from choreo_adapters.sensors.osc_motion import OscMotion
from choreo_service.clock import VirtualClock

ACCEL = {"accel": {"x": 0.0, "y": 1.0, "z": 0.0}}


def _heard(data: bytes) -> RecordingEmit:
    emit = RecordingEmit()
    adapter = OscMotion(OscMotion.Config(), emit, VirtualClock())
    adapter.receiver.hear([(data, "10.0.0.1", 1_000_000)])
    return emit


@pytest.mark.parametrize("around", [lambda s: {"sensordata": s}, lambda s: s], ids=["sensordata", "beside the device"])
def test_sensors_are_found_wherever_the_version_puts_them(around: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    sensors = ACCEL | {"gyro": {"x": 1, "y": 0.5, "z": 0}, "touch": [{"x": 0.1, "y": 0.2}]}
    emit = _heard(json.dumps({"device": {"uuid": "Ada-1"}} | around(sensors)).encode())
    assert emit.streams() == {"linear_acceleration": (0.0, -G, 0.0), "rotation_rate": (1.0, 0.5, 0.0)}
    assert {s.source for s in emit.samples} == {"10.0.0.1:Ada-1"}
    assert not emit.refused


NONSENSE = {
    "a brace": b"{",
    "no object": b"{}",
    "no device": json.dumps(ACCEL).encode(),
    "a name with a slash": json.dumps({"device": {"uuid": "a/b"}} | ACCEL).encode(),
    "a pattern for a name": json.dumps({"device": {"uuid": "a*b"}} | ACCEL).encode(),
    "no text": b'{"device":{"uuid":"\xff"}}',
    "braces without end": b'{"a":' * 400,
    "brackets without end": b"{" + b"[" * 2000,
}


@pytest.mark.parametrize("data", NONSENSE.values(), ids=NONSENSE.keys())
def test_nonsense_is_counted(data: bytes) -> None:
    emit = _heard(data)
    assert (emit.samples, emit.refused) == ([], {Cause.JSON.value: 1})


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999", "9" * 1500, "true", "null", '"1"', "{}", "[]"])
def test_numbers_no_body_has_never_come_through(number: str) -> None:
    emit = _heard(f'{{"device":{{"uuid":"u"}},"accel":{{"x":{number},"y":0,"z":0}}}}'.encode())
    assert emit.samples == []
    assert emit.refused.total() == 1


def test_a_long_one_is_refused_unread() -> None:
    with pytest.raises(OscError) as caught:
        decode_json(b"{" + b" " * MAX_BYTES)
    assert caught.value.cause is Cause.SIZE


@given(st.binary(max_size=300))
def test_no_bytes_raise_anything_else(data: bytes) -> None:
    with suppress(OscError):
        assert all(m.address.startswith("/") for m in decode_json(b"{" + data))
