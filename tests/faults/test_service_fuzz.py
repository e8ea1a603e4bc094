"""The service fuzzer for a moment: nothing escapes, nothing leaves its range. And the fuzzer notices when it does."""

from __future__ import annotations

import math
from typing import Any

import pytest
from faults import service_fuzz

from choreo_adapters.osc import receiver as osc_receiver
from choreo_service.features import MotionFeatures
from choreo_service.packets import ControlPacket


@pytest.mark.parametrize("seed", [1, 2])
def test_whatever_is_sent_the_service_plays_on_within_range(seed: int) -> None:
    report = service_fuzz.run(seed, inputs=30_000)
    assert report.escapes == []
    assert report.violations == []
    assert report.inputs == 30_000
    # The datagrams must reach every refusal and still let many samples through, or they test too little.
    assert len(report.refused) >= 15
    assert report.samples > 3_000
    assert report.ticks > 5_000


def test_the_fuzzer_repeats_itself_exactly() -> None:
    first, second = (service_fuzz.run(7, inputs=3_000) for _ in range(2))
    assert (first.refused, first.samples, first.sent) == (second.refused, second.samples, second.sent)


def test_the_fuzzer_sees_an_escape(monkeypatch: pytest.MonkeyPatch) -> None:
    def fragile(data: bytes) -> list[Any]:
        raise UnicodeDecodeError("ascii", data, 0, 1, "as python-osc does")

    monkeypatch.setattr(osc_receiver, "decode", fragile)
    assert len(service_fuzz.run(1, inputs=10).escapes) == 10


@pytest.mark.parametrize("value", [math.nan, math.inf, -0.01, 1e9])
def test_the_fuzzer_sees_a_value_out_of_range(value: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ControlPacket, "value", lambda self, name: value)
    assert f"density = {value}" in str(service_fuzz.run(1, inputs=500).violations)


def test_the_fuzzer_sees_a_feature_that_can_not_take_what_was_let_in(monkeypatch: pytest.MonkeyPatch) -> None:
    def fragile(self: MotionFeatures, stream: str, t_ns: int, values: tuple[float, ...]) -> None:
        raise ZeroDivisionError("a vector of length 0")

    monkeypatch.setattr(MotionFeatures, "update", fragile)
    assert "ZeroDivisionError" in str(service_fuzz.run(1, inputs=500).escapes)
