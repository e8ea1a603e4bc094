"""Both LSL adapters keep every promise of the plug-in API, with the real library and a real sender."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from lsl_programs import SENT, Sender, needs_lsl, unique_name

from choreo_adapters.bridges.lsl_outlet import LslOutlet
from choreo_adapters.sensors.lsl_inlet import LslInlet
from choreo_service.testing import BRIDGE_PROMISES, SENSOR_PROMISES, BridgeCase, SensorCase

pytestmark = needs_lsl


@pytest.fixture(scope="module")
def sender() -> Iterator[str]:
    """The name of a stream that is being sent."""
    name = unique_name()
    with Sender(name):
        yield name


@pytest.mark.parametrize("promise", SENSOR_PROMISES)
def test_inlet_keeps_its_promise(sender: str, promise: str) -> None:
    SENSOR_PROMISES[promise](
        SensorCase(LslInlet, {"stream": sender, "channels": SENT}, expects_samples=True, settle_s=0.6)
    )


@pytest.mark.parametrize("promise", SENSOR_PROMISES)
def test_inlet_keeps_its_promise_without_a_stream(promise: str) -> None:
    SENSOR_PROMISES[promise](SensorCase(LslInlet, {"stream": unique_name(), "channels": {"heart_rate": [0]}}))


@pytest.mark.parametrize("promise", BRIDGE_PROMISES)
def test_outlet_keeps_its_promise(promise: str) -> None:
    BRIDGE_PROMISES[promise](BridgeCase(LslOutlet, {"stream": unique_name(), "performers": 2}))
