"""LSL between processes: what is sent arrives, a dead, hung or restarted peer is noticed, and nothing ever waits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from lsl_programs import LABELS, RATE_HZ, SENT, Hearer, Sender, needs_lsl, unique_name

from choreo_adapters.bridges.lsl_outlet import LslOutlet, LslOutletConfig
from choreo_adapters.lsl import LIBRARY
from choreo_adapters.sensors.lsl_inlet import LslInlet, LslInletConfig
from choreo_service.clock import NS, MonotonicClock, work_ns
from choreo_service.errors import AdapterConfigError, AdapterLost
from choreo_service.packets import CONTROL_NAMES, ControlPacket
from choreo_service.supervisor import Backoff, Supervisor
from choreo_service.testing import RecordingEmit, sample_wires

pytestmark = needs_lsl

PATIENCE_S = 20.0  # a busy machine; what is waited for takes a second at most
CANCEL_S = 1.0
PACKET = ControlPacket(0, 0, 0, 1.0, 0.5, -0.5, 300.0, 64.0)


def _inlet(name: str, **config: Any) -> tuple[LslInlet, RecordingEmit]:
    emit = RecordingEmit()
    return LslInlet(LslInletConfig(stream=name, **{"channels": SENT, **config}), emit, MonotonicClock()), emit


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - another process decides
            await asyncio.sleep(0.02)


@asynccontextmanager
async def _running(run: Callable[[], Coroutine[Any, Any, None]]) -> AsyncIterator[None]:
    """Runs meanwhile; the end must come within CANCEL_S of its cancellation."""
    running = asyncio.get_running_loop().create_task(run())
    try:
        yield
    finally:
        running.cancel()
        _, late = await asyncio.wait([running], timeout=CANCEL_S)
        assert not late
    assert running.cancelled()


@pytest.mark.asyncio(loop_factories=["asyncio", "uvloop"])
async def test_what_is_sent_arrives_as_raw_samples() -> None:
    name = unique_name()
    inlet, emit = _inlet(name)
    with Sender(name):
        async with _running(inlet.run):
            await _until(lambda: len(emit.of("context")) >= 100)
    assert set(emit.of("heart_rate")) == {(60.0,)}
    counts = [x for x, *rest in emit.of("acceleration") if rest == [2.0, 2.0]]
    assert {later - sooner for sooner, later in pairwise(counts)} == {1.0}
    assert emit.rejections[name, "not finite"] >= 9
    assert emit.problems == []
    assert {sample.source for sample in emit.samples} == {name}


@pytest.mark.asyncio
async def test_samples_carry_the_senders_time_and_ours() -> None:
    name = unique_name()
    inlet, emit = _inlet(name, channels={"heart_rate": [2]})
    with Sender(name):
        async with _running(inlet.run):
            await _until(lambda: len(emit.samples) >= 50)
    now_ns = MonotonicClock().now_ns()
    taken = [sample.source_ns or 0 for sample in emit.samples]
    received = [sample.rx_ns or 0 for sample in emit.samples]
    assert taken == sorted(taken)
    assert received == sorted(received)
    assert max(received) <= now_ns
    # One machine, one clock: taken before received, and both axes run alike but for jitter.
    assert all(took <= got for took, got in zip(taken, received, strict=True))
    assert (received[-1] - received[0]) == pytest.approx(taken[-1] - taken[0], abs=NS / RATE_HZ)


@pytest.mark.asyncio
async def test_a_killed_sender_is_lost() -> None:
    name = unique_name()
    inlet, emit = _inlet(name)
    with Sender(name) as sender:
        async with asyncio.timeout(PATIENCE_S):
            with pytest.raises(AdapterLost, match="lost"):
                await asyncio.gather(inlet.run(), _when(lambda: bool(emit.samples), sender.kill))
    assert inlet.health()["state"] == "lost"


@pytest.mark.asyncio
async def test_a_hung_sender_is_lost() -> None:
    name = unique_name()
    inlet, emit = _inlet(name, silent_s=0.5)
    with Sender(name) as sender:
        async with asyncio.timeout(PATIENCE_S):
            with pytest.raises(AdapterLost, match="doesn't answer"):
                await asyncio.gather(inlet.run(), _when(lambda: bool(emit.samples), sender.pause))


@pytest.mark.asyncio
async def test_it_stops_in_time_while_its_sender_hangs() -> None:
    name = unique_name()
    inlet, emit = _inlet(name)
    with Sender(name) as sender:
        async with _running(inlet.run):
            await _until(lambda: bool(emit.samples))
            sender.pause()
            await _until(lambda: inlet.health()["state"] == "silent")
    assert inlet.health()["state"] == "closed"


@pytest.mark.asyncio
async def test_a_restarted_sender_is_heard_again_and_nothing_piles_up() -> None:
    name, clock = unique_name(), MonotonicClock()
    inlet, emit = _inlet(name)
    supervisor = Supervisor(clock, backoff=Backoff(cap_s=0.25))
    await asyncio.to_thread(LIBRARY.load, "lsl_inlet", network=False)
    held = len(_descriptors())
    async with _running(lambda: supervisor.supervise("lsl", inlet.run)):
        for _ in range(3):
            emit.samples.clear()
            with Sender(name) as sender:
                await _until(lambda: len(emit.samples) > 10)
                sender.kill()
            await _until(lambda: inlet.health()["state"] == "looking")
    await _until(lambda: len(_descriptors()) <= held)


@pytest.mark.asyncio
async def test_channels_are_named_by_the_senders_labels() -> None:
    name = unique_name()
    inlet, emit = _inlet(name, channels={"heart_rate": ["two"]}, factors={"heart_rate": 30.0})
    with Sender(name):
        async with _running(inlet.run):
            await _until(lambda: bool(emit.samples))
        wrong, _ = _inlet(name, channels={"heart_rate": ["pulses"]})
        with pytest.raises(AdapterConfigError, match=f"labels {', '.join(LABELS)}"):
            await wrong.run()
    assert set(emit.of("heart_rate")) == {(60.0,)}


@pytest.mark.asyncio
async def test_streams_are_listed() -> None:
    name = unique_name()
    with Sender(name):
        listed = await asyncio.to_thread(LslInlet.describe)
    assert {
        "kind": "lsl stream",
        "name": name,
        "type": "Test",
        "channels": "4",
        "rate": "100 Hz",
        "source_id": name,
    } in listed


@pytest.mark.asyncio(loop_factories=["asyncio", "uvloop"])
async def test_controls_arrive_in_another_process() -> None:
    name = unique_name()
    bridge = LslOutlet(LslOutletConfig(stream=name, source_id="me"), sample_wires(), MonotonicClock())
    async with _running(bridge.run):
        with Hearer(name) as hearer:
            await _until(lambda: bridge.health()["state"] == "sending")
            bridge.send(PACKET, CONTROL_NAMES)
            bridge.send(ControlPacket(1, 0, 0, 2.0, 0.25, 0.0, 0.0, 0.0), ("density",))
            bridge.panic()
            rows = await asyncio.to_thread(hearer.samples, 3)
            about = hearer.description()
            hearer.kill()
            await _until(lambda: bridge.health()["state"] == "nobody-listens")
    safe = [wire.safe for wire in sample_wires().values()]
    expected = [[1.0, 0.5, -0.5, 300.0, 64.0], [1.0, 0.25, -0.5, 300.0, 64.0], safe]
    assert [row == pytest.approx(want) for row, want in zip(rows, expected, strict=True)] == [True] * 3
    assert (about["type"], about["rate_hz"], about["source_id"]) == ("Control", 0.0, "me")
    assert about["labels"] == list(CONTROL_NAMES)
    assert about["units"] == ["0.5..2", "0..1", "-1..1", "200..4000", "0..127"]


@pytest.mark.asyncio
async def test_a_hung_listener_never_holds_the_sender() -> None:
    """Far more than its buffer and the sockets hold: the longest push stays a small part of a tick."""
    name = unique_name()
    bridge = LslOutlet(LslOutletConfig(stream=name), sample_wires(), MonotonicClock())
    async with _running(bridge.run):
        with Hearer(name) as hearer:
            await _until(lambda: bridge.health()["state"] == "sending")
            hearer.pause()
            took_ns = []
            for _ in range(50_000):
                before_ns = work_ns()
                bridge.send(PACKET, CONTROL_NAMES)
                took_ns.append(work_ns() - before_ns)
    took_ns.sort()
    assert took_ns[len(took_ns) // 2] < NS // 1000
    assert took_ns[len(took_ns) * 999 // 1000] < NS // 2  # a shared machine may stall by itself now and then


@pytest.mark.asyncio
async def test_streams_are_announced_on_this_machine_alone() -> None:
    bridge = LslOutlet(LslOutletConfig(stream=unique_name()), sample_wires(), MonotonicClock())
    async with _running(bridge.run):
        await _until(lambda: bridge.health()["state"] != "closed")
        announced = await asyncio.to_thread(_own_udp_addresses)
    assert ("127.0.0.1", 16571) in announced
    assert ("0.0.0.0", 16571) not in announced


def _own_udp_addresses() -> set[tuple[str, int]]:
    """The local addresses of this process's UDP sockets."""
    rows = [line.split() for line in Path("/proc/net/udp").read_text().splitlines()[1:]]
    own = _descriptors()
    return {_address(row[1]) for row in rows if f"socket:[{row[9]}]" in own}


def _descriptors() -> list[str]:
    """What this process holds open, such as `socket:[4711]`."""
    names = []
    for path in Path("/proc/self/fd").iterdir():
        with suppress(OSError):  # the descriptor of this listing itself
            names.append(path.readlink().name)
    return names


def _address(text: str) -> tuple[str, int]:
    host, port = text.split(":")
    return ".".join(str(byte) for byte in reversed(bytes.fromhex(host))), int(port, 16)


async def _when(condition: Callable[[], bool], act: Callable[[], None]) -> None:
    await _until(condition)
    await asyncio.to_thread(act)
