"""The UDP receiver on real loopback sockets, on both event loops."""

from __future__ import annotations

import asyncio
import errno
import re
import socket
import sys
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from osc_datagrams import RecordingEmit, message

from choreo_adapters.osc.decode import Message
from choreo_adapters.osc.ports import free_port
from choreo_adapters.osc.receiver import FLOODED_S, OLDEST_NS, PER_WAKE, OscReceiver
from choreo_adapters.sensors.osc_motion import OscMotion
from choreo_service.clock import MonotonicClock, VirtualClock, run_virtual, work_ns
from choreo_service.errors import AdapterConfigError

LOOPS = pytest.mark.asyncio(loop_factories=["asyncio", "uvloop"])
STILL = message("/choreo/motion/accel", "fff", 0.0, 0.0, 9.75)
LOCAL = "127.0.0.1"


class Inbox:
    """A receiver with its messages and refusals."""

    def __init__(self, clock: MonotonicClock | VirtualClock, *, burst: int = 20_000) -> None:
        self.messages: list[tuple[str, int]] = []  # (address, receive time)
        self.refused: list[str] = []
        self._heard = asyncio.Event()
        self.receiver = OscReceiver(self._message, self._rejected, clock, rate_hz=burst, burst=burst)

    async def until(self, done: Callable[[], bool]) -> None:
        """Wait for datagrams until `done()`."""
        async with asyncio.timeout(10):
            while not done():
                self._heard.clear()
                await self._heard.wait()

    def _message(self, message: Message, ip: str, rx_ns: int) -> None:
        self.messages.append((message.address, rx_ns))
        self._heard.set()

    def _rejected(self, cause: str, ip: str, count: int) -> None:
        self.refused += [cause] * count
        self._heard.set()


class AnnouncingEmit(RecordingEmit):
    """Tells when a sample has come."""

    def __init__(self) -> None:
        super().__init__()
        self.arrived = asyncio.Event()

    def __call__(self, stream: str, values: Sequence[float], **details: Any) -> None:
        super().__call__(stream, values, **details)
        self.arrived.set()


def _send(port: int, *datagrams: bytes) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        for data in datagrams:
            sock.sendto(data, (LOCAL, port))


@LOOPS
async def test_datagrams_arrive_in_order_and_bad_ones_change_nothing() -> None:
    inbox = Inbox(MonotonicClock())
    inbox.receiver.open(LOCAL, 0)
    try:
        oversize = message("/big", "b", bytes(4000))
        _send(inbox.receiver.port, message("/1", "i", 1), b"bad!", oversize, b"", message("/2", "i", 2))
        await inbox.until(lambda: inbox.receiver.received == 5)
    finally:
        inbox.receiver.close()
    assert [address for address, _ in inbox.messages] == ["/1", "/2"]
    assert inbox.refused == ["malformed address", "datagram size", "datagram size"]
    assert inbox.receiver.accepted + inbox.receiver.rejected.total() == inbox.receiver.received


@LOOPS
async def test_a_full_socket_is_drained_in_turns_that_leave_room_for_others() -> None:
    inbox = Inbox(MonotonicClock())
    inbox.receiver.open(LOCAL, 0)
    try:
        _send(inbox.receiver.port, *[message("/x", "i", 1)] * (3 * PER_WAKE))
        largest = seen = 0
        async with asyncio.timeout(10):
            while seen < 3 * PER_WAKE:
                await asyncio.sleep(0)
                largest = max(largest, inbox.receiver.received - seen)
                seen = inbox.receiver.received
    finally:
        inbox.receiver.close()
    assert 0 < largest <= PER_WAKE


@LOOPS
async def test_it_is_behind_from_a_turn_that_ended_at_its_bound_until_the_socket_is_empty() -> None:
    inbox = Inbox(MonotonicClock())
    inbox.receiver.open(LOCAL, 0)
    told: dict[int, bool] = {}  # datagrams read -> whether it is behind
    try:
        assert not inbox.receiver.behind
        _send(inbox.receiver.port, *[message("/x", "i", 1)] * (2 * PER_WAKE + 1))
        async with asyncio.timeout(10):
            while inbox.receiver.behind or inbox.receiver.received <= 2 * PER_WAKE:
                await asyncio.sleep(0)
                told[inbox.receiver.received] = inbox.receiver.behind
    finally:
        inbox.receiver.close()
    assert told.pop(0, False) is False
    assert told == {PER_WAKE: True, 2 * PER_WAKE: True, 2 * PER_WAKE + 1: False}


def test_under_a_flood_datagrams_wait_for_the_next_look_and_afterwards_wake_it_again() -> None:
    clock = VirtualClock()
    inbox = Inbox(clock, burst=1)
    receiver = inbox.receiver

    async def turns() -> int:
        """Some turns of the loop, in which no time passes; what was received by then."""
        for _ in range(5):
            await asyncio.sleep(0)
        return receiver.received

    async def main() -> None:
        receiver.open(LOCAL, 0)
        try:
            _send(receiver.port, STILL, STILL)
            assert await turns() == 2
            assert inbox.refused == ["rate limit"]
            _send(receiver.port, *[STILL] * 3)
            assert await turns() == 2
            await asyncio.sleep(FLOODED_S)
            assert await turns() == 5
            await asyncio.sleep(2 * FLOODED_S)  # nothing came
            _send(receiver.port, STILL)
            assert await turns() == 6
        finally:
            receiver.close()
        await asyncio.sleep(2 * FLOODED_S)  # a look that was due finds no socket
        assert inbox.refused == ["rate limit"] * 5

    run_virtual(clock, main())


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="kernel receive stamps are a Linux feature")
@LOOPS
async def test_receive_times_are_the_kernels_also_when_the_loop_was_busy() -> None:
    clock = MonotonicClock()
    inbox = Inbox(clock)
    inbox.receiver.open(LOCAL, 0)
    await asyncio.sleep(0.1)  # the kernel begins to stamp a little after it was asked to: it patches its own code first
    try:
        before_ns = clock.now_ns()
        _send(inbox.receiver.port, message("/early", "i", 1))
        sent_ns = clock.now_ns()
        stop_ns = work_ns() + 50_000_000
        while work_ns() < stop_ns:  # the loop is kept busy by our own doing
            pass
        read_ns = clock.now_ns()
        await inbox.until(lambda: bool(inbox.messages))
    finally:
        inbox.receiver.close()
    [(_, rx_ns)] = inbox.messages
    # Nearer to the sending than to the reading, which is what a stamp taken in Python would give.
    assert abs(rx_ns - before_ns) < (read_ns - sent_ns) / 2
    assert rx_ns < read_ns


def test_a_stamp_of_the_future_or_of_another_day_is_not_believed() -> None:
    inbox = Inbox(MonotonicClock())
    inbox.receiver._kernel_stamps = True
    stamp = (socket.SOL_SOCKET, 35, bytes(16))
    for offset_ns in (10**6, -OLDEST_NS - 10**9, -(10**18)):
        now_ns = MonotonicClock().now_ns()
        rx_ns = inbox.receiver._receive_time([stamp], now_ns, now_ns + offset_ns)
        assert now_ns <= rx_ns <= MonotonicClock().now_ns()


def test_a_stamp_from_while_the_socket_was_read_is_believed() -> None:
    inbox = Inbox(MonotonicClock())
    inbox.receiver._kernel_stamps = True
    began_ns = MonotonicClock().now_ns()
    stop_ns = work_ns() + 2_000_000
    while work_ns() < stop_ns:
        pass
    stamp = (socket.SOL_SOCKET, 35, bytes(16))
    assert inbox.receiver._receive_time([stamp], began_ns, began_ns + 1_000_000) == began_ns + 1_000_000


def test_simulated_time_is_never_mixed_with_the_kernels() -> None:
    # A second ahead of the machine, where a kernel stamp would look believable.
    start_ns = MonotonicClock().now_ns() + 1_000_000_000
    clock = VirtualClock(start_ns)
    inbox = Inbox(clock)

    async def main() -> None:
        inbox.receiver.open(LOCAL, 0)
        try:
            _send(inbox.receiver.port, message("/x", "i", 1))
            await asyncio.sleep(0.5)
        finally:
            inbox.receiver.close()

    run_virtual(clock, main())
    [(_, rx_ns)] = inbox.messages
    assert start_ns <= rx_ns <= clock.now_ns()


@LOOPS
async def test_the_adapter_serves_until_cancelled_and_gives_the_port_back() -> None:
    emit = AnnouncingEmit()
    adapter = OscMotion(OscMotion.Config(port=0), emit, MonotonicClock())
    for _ in range(2):  # the second run proves that the first left nothing behind
        async with asyncio.TaskGroup() as group:
            task = group.create_task(adapter.run())
            await asyncio.sleep(0)
            assert adapter.health()["state"] in ("waiting", "receiving")
            _send(adapter.receiver.port, STILL)
            async with asyncio.timeout(10):
                await emit.arrived.wait()
            emit.arrived.clear()
            task.cancel()
        assert adapter.health()["state"] == "closed"
        assert emit.samples.pop().values == (0.0, 0.0, 9.75)


@LOOPS
async def test_a_port_in_use_says_who_may_hold_it_and_what_to_type() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as holder:
        holder.bind((LOCAL, 0))
        port = holder.getsockname()[1]
        with pytest.raises(AdapterConfigError) as caught:
            await OscMotion(OscMotion.Config(port=port), RecordingEmit(), MonotonicClock()).run()
    assert f"{LOCAL}:{port}" in caught.value.problem
    proposed = re.search(r"-o sensors\.<its name>\.port=(\d+),", caught.value.fix)
    assert proposed
    assert 1024 <= int(proposed[1]) != port


def test_the_port_it_proposes_is_not_in_use_either() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as holder:
        holder.bind((LOCAL, 0))
        assert free_port(LOCAL, holder.getsockname()[1] - 1) != holder.getsockname()[1]


@LOOPS
async def test_an_address_this_machine_does_not_have_is_an_error_too() -> None:
    with pytest.raises(AdapterConfigError, match=r"192\.0\.2\.1:9000: this machine has no address") as caught:
        await OscMotion(OscMotion.Config(host="192.0.2.1", announce=False), RecordingEmit(), MonotonicClock()).run()
    assert "choreo doctor" in caught.value.fix
    assert "close the program" not in caught.value.fix


def test_a_port_of_the_system_is_nobodys_to_close(monkeypatch: pytest.MonkeyPatch) -> None:
    class Guarded(socket.socket):
        def bind(self, address: Any) -> None:
            raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("choreo_adapters.osc.receiver.socket.socket", Guarded)
    with pytest.raises(AdapterConfigError, match="Permission denied") as caught:
        OscReceiver(lambda *_: None, lambda *_: None, VirtualClock(), rate_hz=1.0, burst=1).open(LOCAL, 80)
    assert "ports below 1024" in caught.value.fix


def test_closing_twice_is_harmless() -> None:
    Inbox(VirtualClock()).receiver.close()
