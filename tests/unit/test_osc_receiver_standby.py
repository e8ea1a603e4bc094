"""Under a standby a datagram is in the socket, for a successor, until it was handed on; then it is gone."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator

import pytest
from osc_datagrams import message

from choreo_adapters.osc.decode import Message
from choreo_adapters.osc.ports import free_port
from choreo_adapters.osc.receiver import OscReceiver
from choreo_service import inherited
from choreo_service.clock import MonotonicClock
from choreo_service.inherited import Left

LOCAL = "127.0.0.1"
LOOPS = pytest.mark.asyncio(loop_factories=["asyncio", "uvloop"])


class Keeper:
    """Holds the receiver's socket as the watching process does."""

    socket: socket.socket

    def keep(self, key: str, left: Left) -> None:
        self.socket = socket.socket(fileno=os.dup(left.fds[0]))
        self.socket.setblocking(False)

    def drop(self, key: str) -> None:
        raise AssertionError(f"{key} was let go of")

    def waiting(self) -> bytes:
        """The datagram a successor would read first, b"" where there is none."""
        try:
            return self.socket.recv(2000, socket.MSG_PEEK)
        except BlockingIOError:
            return b""


@pytest.fixture
def keeper() -> Iterator[Keeper]:
    found = Keeper()
    inherited.share(found)
    yield found
    inherited.share(None)
    found.socket.close()


@LOOPS
@pytest.mark.parametrize("fails", [False, True])
async def test_it_waits_for_a_successor_until_it_was_handed_on(keeper: Keeper, fails: bool) -> None:
    heard: list[tuple[str, bytes]] = []
    sent = [message(f"/{number}", "i", number) for number in range(3)]

    def hear(message: Message, ip: str, rx_ns: int) -> None:
        heard.append((message.address, keeper.waiting()))
        if fails:
            raise RuntimeError("the listener's own bug")

    asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
    port = free_port(LOCAL, 9000)
    receiver = OscReceiver(hear, lambda cause, ip, count: None, MonotonicClock(), rate_hz=1e4, burst=100)
    receiver.open(LOCAL, port)
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for datagram in sent:
                sender.sendto(datagram, (LOCAL, port))
        for _ in range(10):  # turns of the loop
            await asyncio.sleep(0)
    finally:
        receiver.close()
    assert heard == [(f"/{number}", datagram) for number, datagram in enumerate(sent)]
    assert keeper.waiting() == b""
