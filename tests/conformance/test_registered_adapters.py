"""Every adapter that is installed keeps every promise of the plug-in API."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

import psutil
import pytest
from pythonosc.udp_client import SimpleUDPClient
from rig.ports import free_udp_port as find_free_udp_port

from choreo_service.packets import SensorPacket
from choreo_service.session import write_session
from choreo_service.testing import BRIDGE_PROMISES, DOOR_PROMISES, SENSOR_PROMISES, BridgeCase, DoorCase, SensorCase


def _points(group: str) -> list[EntryPoint]:
    return sorted(entry_points(group=group), key=lambda point: point.name)


def _cases(group: str, promises: Mapping[str, Any]) -> list[Any]:
    return [
        pytest.param(point, promise, id=f"{point.name}-{promise}") for point in _points(group) for promise in promises
    ]


async def _kill_the_helper(_: Any) -> None:
    """The driver's process dies. What else can be lost needs its peer: tests/peers."""

    def kill() -> None:
        for child in psutil.Process().children():
            child.kill()

    await asyncio.to_thread(kill)


LOSES = {"midi_cc": _kill_the_helper, "ble_heart": _kill_the_helper}


def _bridge_case(point: EntryPoint) -> BridgeCase:
    """With the configuration an adapter needs to run beside whatever else runs on the machine."""
    needs: dict[str, dict[str, Any]] = {"midi_ws": {"port": 0}, "osc_out": {"port": find_free_udp_port()}}
    return BridgeCase(point.load(), needs.get(point.name, {}), lose=LOSES.get(point.name))


def _sensor_case(point: EntryPoint, folder: Path) -> SensorCase:
    """With a device to listen to, where that can be had: a phone that sends OSC, a take to replay."""
    if point.name == "osc_motion":
        port = find_free_udp_port()
        return SensorCase(point.load(), {"port": port}, drive=lambda _: _phone(port), expects_samples=True)
    if point.name == "lsl_inlet":
        return SensorCase(point.load(), {"stream": "nobody sends this", "channels": {"heart_rate": [0]}})
    if point.name == "session_replay":
        return SensorCase(point.load(), {"path": str(_take(folder))}, expects_samples=True)
    return SensorCase(point.load(), expects_samples=point.name == "synthetic", lose=LOSES.get(point.name))


def _door_case(point: EntryPoint) -> DoorCase:
    """With somebody who knocks, where that can be had."""
    if point.name == "osc_commands":
        port = find_free_udp_port()
        return DoorCase(point.load(), {"port": port}, drive=lambda _: _button(port), expects_commands=True)
    return DoorCase(point.load())


@pytest.mark.parametrize(("point", "promise"), _cases("choreo.doors", DOOR_PROMISES))
def test_door_keeps_its_promise(point: EntryPoint, promise: str) -> None:
    DOOR_PROMISES[promise](_door_case(point))


@pytest.mark.parametrize(("point", "promise"), _cases("choreo.bridges", BRIDGE_PROMISES))
def test_bridge_keeps_its_promise(point: EntryPoint, promise: str) -> None:
    BRIDGE_PROMISES[promise](_bridge_case(point))


@pytest.mark.parametrize(("point", "promise"), _cases("choreo.sensors", SENSOR_PROMISES))
def test_sensor_keeps_its_promise(point: EntryPoint, promise: str, tmp_path: Path) -> None:
    SENSOR_PROMISES[promise](_sensor_case(point, tmp_path))


def test_the_built_in_adapters_are_registered() -> None:
    bridges, sensors = ({point.name for point in _points(group)} for group in ("choreo.bridges", "choreo.sensors"))
    assert {"console", "lsl_outlet", "midi_cc", "midi_ws", "null", "osc_out"} <= bridges
    assert {"ble_heart", "lsl_inlet", "osc_motion", "session_replay", "synthetic"} <= sensors
    assert {"keyboard", "midi_learn", "osc_commands"} <= {point.name for point in _points("choreo.doors")}


async def _button(port: int) -> None:
    client = SimpleUDPClient("127.0.0.1", port)
    for _ in range(3):
        client.send_message("/choreo/mute", ["density", 1])
        await asyncio.sleep(0.01)
    client._sock.close()


async def _phone(port: int) -> None:
    """Half a second of a phone at 100 Hz that moves a little, between good samples a broken one."""
    client = SimpleUDPClient("127.0.0.1", port)
    for i in range(50):
        client.send_message("/gyrosc/accel", [0.01 * i, -0.2, 0.1])
        client.send_message("/gyrosc/grav", [0.0, 0.0, -1.0])
        client.send_message("/gyrosc/accel", [struct.unpack("f", b"\xff\xff\xff\x7f")[0], 0.0, 0.0])
        await asyncio.sleep(0.01)
    client._sock.close()


def _take(folder: Path) -> Path:
    packets = (SensorPacket("heart_rate", 0, i, i * 10**7, i * 10**7, None, "strap", (60.0 + i,)) for i in range(100))
    return write_session(folder / "take", packets=packets, steps=None, meta={}).path
