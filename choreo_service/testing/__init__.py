"""What a plug-in's own tests need: virtual time, stand-ins for both sides of an adapter, and what all adapters promise.

    from choreo_service.testing import check_bridge

    def test_my_bridge_keeps_the_promises() -> None:
        check_bridge(MyBridge, {"port": 9000})

`check_bridge`, `check_sensor` and `check_door` raise ConformanceError, an AssertionError, naming the broken promise.
BRIDGE_PROMISES, SENSOR_PROMISES and DOOR_PROMISES hold the same checks one by one, for a parametrised test.
"""

from __future__ import annotations

from choreo_service.clock import VirtualClock, run_virtual
from choreo_service.testing.bridges import RecordingBridge, sample_wires
from choreo_service.testing.conformance import (
    BRIDGE_PROMISES,
    DOOR_PROMISES,
    SENSOR_PROMISES,
    BridgeCase,
    ConformanceError,
    DoorCase,
    RecordingDesk,
    SensorCase,
    check_bridge,
    check_door,
    check_sensor,
)
from choreo_service.testing.midi_device import RecordingMidiDevice
from choreo_service.testing.sensors import Emitted, RecordingEmit, ScriptedSensor

__all__ = [
    "BRIDGE_PROMISES",
    "DOOR_PROMISES",
    "SENSOR_PROMISES",
    "BridgeCase",
    "ConformanceError",
    "DoorCase",
    "Emitted",
    "RecordingBridge",
    "RecordingDesk",
    "RecordingEmit",
    "RecordingMidiDevice",
    "ScriptedSensor",
    "SensorCase",
    "VirtualClock",
    "check_bridge",
    "check_door",
    "check_sensor",
    "run_virtual",
    "sample_wires",
]
