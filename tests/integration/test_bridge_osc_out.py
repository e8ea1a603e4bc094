"""The OSC bridge against real UDP sockets: delivery, a receiver that isn't there, and one that comes later."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

import pytest
from pythonosc.osc_message import OscMessage

from choreo_adapters.bridges.osc_out import OscOut, OscOutConfig
from choreo_service.clock import MonotonicClock
from choreo_service.packets import CONTROL_NAMES, ControlPacket
from choreo_service.testing import sample_wires

BOTH_LOOPS = pytest.mark.asyncio(loop_factories=["asyncio", "uvloop"])
PACKET = ControlPacket(0, 0, 0, 1.0, 0.5, -0.5, 300.0, 64.0)


class _Receiver:
    """A UDP socket of 127.0.0.1 that can be read without waiting for ever."""

    def __init__(self, port: int = 0) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", port))
        self.socket.settimeout(10)

    @property
    def port(self) -> int:
        return int(self.socket.getsockname()[1])

    async def message(self) -> tuple[str, list[object]]:
        message = OscMessage(await asyncio.to_thread(self.socket.recv, 2048))
        return message.address, list(message)


async def _true(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - the kernel decides
            await asyncio.sleep(0.005)


@BOTH_LOOPS
async def test_controls_arrive_as_floats() -> None:
    receiver = _Receiver()
    bridge = OscOut(OscOutConfig(host="localhost", port=receiver.port), sample_wires(), MonotonicClock())
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(bridge.run())
        await _true(lambda: bridge.health()["state"] == "sending")
        bridge.send(PACKET, CONTROL_NAMES)
        arrived = [await receiver.message() for _ in CONTROL_NAMES]
        running.cancel()
    receiver.socket.close()
    assert arrived == [(f"/choreo/{n}", [v]) for n, v in zip(CONTROL_NAMES, PACKET.as_tuple(), strict=True)]


@BOTH_LOOPS
async def test_a_closed_port_is_noticed_and_nothing_is_lost_once_the_receiver_is_back(free_udp_port: int) -> None:
    bridge = OscOut(OscOutConfig(port=free_udp_port), sample_wires(), MonotonicClock())
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(bridge.run())
        await _true(lambda: bridge.health()["state"] == "sending")

        def refused() -> bool:
            bridge.send(PACKET, ("density",))
            return bool(bridge.health()["state"] == "nobody-listens")

        await _true(refused)
        receiver = _Receiver(free_udp_port)
        assert bridge.send(PACKET, ("density",)) == (("density", 0.5),)
        assert await receiver.message() == ("/choreo/density", [0.5])
        running.cancel()
    receiver.socket.close()
    assert bridge.health()["state"] == "closed"
