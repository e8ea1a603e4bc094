"""The promises every adapter keeps, as checks that run against a class and its configuration."""

from __future__ import annotations

from choreo_service.testing.conformance.bridge import BRIDGE_PROMISES, BridgeCase, check_bridge
from choreo_service.testing.conformance.door import DOOR_PROMISES, DoorCase, RecordingDesk, check_door
from choreo_service.testing.conformance.sensor import SENSOR_PROMISES, SensorCase, check_sensor
from choreo_service.testing.conformance.stage import ConformanceError

__all__ = [
    "BRIDGE_PROMISES",
    "DOOR_PROMISES",
    "SENSOR_PROMISES",
    "BridgeCase",
    "ConformanceError",
    "DoorCase",
    "RecordingDesk",
    "SensorCase",
    "check_bridge",
    "check_door",
    "check_sensor",
]
