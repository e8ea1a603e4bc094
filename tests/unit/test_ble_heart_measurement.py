"""The bytes of a heart-rate measurement, as the Bluetooth document lays them out."""

from __future__ import annotations

import pytest

from choreo_adapters.sensors.ble_heart.measurement import LONGEST, Measurement, parse_measurement


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("0048", Measurement(72, None, None, ())),
        ("012c01", Measurement(300, None, None, ())),
        ("0448", Measurement(72, False, None, ())),
        ("0648", Measurement(72, True, None, ())),
        ("0248", Measurement(72, None, None, ())),  # detected, from a strap that says it can't detect
        ("084834 12".replace(" ", ""), Measurement(72, None, 0x1234, ())),
        ("10480004", Measurement(72, None, None, (1.0,))),
        ("164800040002ff03", Measurement(72, True, None, (1.0, 0.5, 1023 / 1024))),
        ("1f4800341200040008", Measurement(72, True, 0x1234, (1.0, 2.0))),
        ("1048", Measurement(72, None, None, ())),  # announced, and none came in this second
        ("204899", Measurement(72, None, None, ())),  # a reserved flag and its field, whatever they will mean
    ],
)
def test_every_field_is_read_at_its_place(data: str, expected: Measurement) -> None:
    assert parse_measurement(bytes.fromhex(data)) == expected


@pytest.mark.parametrize("data", ["", "00", "0148", "0848", "084834", "104800", "1048000400"])
def test_a_field_cut_short_is_refused(data: str) -> None:
    with pytest.raises(ValueError, match="ends within a field"):
        parse_measurement(bytes.fromhex(data))


def test_a_packet_longer_than_any_strap_sends_is_refused() -> None:
    assert len(parse_measurement(bytes((0x10, 72)) + bytes(LONGEST - 2)).rr_s) == LONGEST // 2 - 1
    with pytest.raises(ValueError, match="expected at most"):
        parse_measurement(bytes((0x10, 72)) + bytes(LONGEST))
