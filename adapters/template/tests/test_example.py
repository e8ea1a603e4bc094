"""The promises every adapter keeps, and what is special about these two."""

# mypy: disable-error-code="import-not-found"

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest
from choreo_service.clock import MonotonicClock
from choreo_service.packets import ControlPacket
from choreo_service.testing import RecordingEmit, check_bridge, check_sensor, sample_wires

from choreo_example.line_bridge import LineBridge, LineBridgeConfig
from choreo_example.line_sensor import LineSensor, LineSensorConfig


async def _send_a_line(sensor: Any) -> None:
    host, port = sensor.health()["target"].split(":")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as device:
        device.sendto(b"acceleration 0.1 -0.2 9.8", (host, int(port)))


def test_the_sensor_keeps_its_promises() -> None:
    check_sensor(LineSensor, {"port": 0}, drive=_send_a_line, expects_samples=True)


def test_the_bridge_keeps_its_promises() -> None:
    check_bridge(LineBridge)


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        (b"acceleration one two three", "not a line"),
        (b"", "not a line"),
        (b"\xff\xfe", "not a line"),
        (b"acceleration 1 2", "not a sample"),
        (b"acceleration 1 2 nan", "not a sample"),
        (b"pulse 60", "not a sample"),
    ],
)
def test_a_bad_line_is_rejected_by_its_cause(line: bytes, cause: str) -> None:
    emit = RecordingEmit()
    LineSensor(LineSensorConfig(), emit, MonotonicClock())._take(line, "10.0.0.7")
    assert not emit.samples
    assert emit.rejections == {("10.0.0.7", cause): 1}


def test_a_control_arrives_as_a_line() -> None:
    async def play() -> bytes:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
            receiver.bind(("127.0.0.1", 0))
            receiver.setblocking(False)
            bridge = LineBridge(LineBridgeConfig(port=receiver.getsockname()[1]), sample_wires(), MonotonicClock())
            async with asyncio.TaskGroup() as tasks:
                running = tasks.create_task(bridge.run())
                await asyncio.sleep(0)
                bridge.send(ControlPacket(0, 0, 0, 1.0, 0.52, 0.0, 300.0, 64.0), ("density",))
                line = await asyncio.get_running_loop().sock_recv(receiver, 256)
                running.cancel()
        return line

    assert asyncio.run(play()) == b"density 0.5200"
