"""The MIDI child process hangs, dies, is stopped or orphaned; the service notices, never waits, and starts another."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import psutil
import pytest

from choreo_adapters.bridges.midi_cc.bridge import MidiCc, MidiCcConfig
from choreo_service.clock import NS, MonotonicClock
from choreo_service.errors import AdapterLost
from choreo_service.packets import CONTROL_NAMES, ControlPacket
from choreo_service.protocols import Sent
from choreo_service.testing import sample_wires

# Children that misbehave. Each says that its port is open first, as a healthy one does.
HELLO = 'import sys, time\nprint(\'{"state": "open", "port": "x", "api": "fake"}\', flush=True)\n'
SILENT = HELLO + "time.sleep(600)"
DEAF = HELLO + 'while True:\n    time.sleep(0.005)\n    print(\'{"state": "open"}\', flush=True)'
DYING = HELLO + "sys.stdin.buffer.read(11)\nsys.exit(3)"
BABBLING = HELLO + "print('garbage', flush=True)\nprint('[]', flush=True)\nsys.stdin.buffer.read()"

# The real child on a device that writes each message to a file, one line each.
RECORDING = """
import sys
from choreo_adapters.bridges.midi_cc import child
from choreo_service.testing import RecordingMidiDevice

class Device(RecordingMidiDevice):
    def send(self, message):
        super().send(message)
        with open(sys.argv[1], "a") as played:
            print(*message, file=played)

child.main({"client": "choreo", "port": None, "api": "auto"}, lambda client, api: Device())
"""


class _HandClock:
    """Time moves only when the test moves it; waiting polls, because real processes run beside."""

    def __init__(self) -> None:
        self.now = NS

    def now_ns(self) -> int:
        return self.now

    async def sleep_until(self, t_ns: int) -> None:
        while self.now < t_ns:  # noqa: ASYNC110 - moved from outside, whatever waits
            await asyncio.sleep(0.001)
        await asyncio.sleep(0)

    async def pass_time(self, seconds: float) -> None:
        """In steps, so that who waits for each of them gets to run."""
        for _ in range(round(seconds / 0.1)):
            self.now += NS // 10
            await asyncio.sleep(0.003)


class _Bridge(MidiCc):
    """A bridge whose child is the given program."""

    argv: Sequence[str] = ()

    def _command(self) -> Sequence[str]:
        return self.argv


def _bridge(program: str, clock: Any, *arguments: str, **config: Any) -> _Bridge:
    bridge = _Bridge(MidiCcConfig(**config), sample_wires(), clock)
    bridge.argv = (sys.executable, "-c", program, *arguments)
    return bridge


def _packet(position: float) -> ControlPacket:
    values = {w.name: w.lo + position * (w.hi - w.lo) for w in sample_wires().values()}
    return ControlPacket.from_dict({"k": 0, "t_ns": 0, "performer": 0, **values})


async def _state(bridge: MidiCc, state: str) -> None:
    await _true(lambda: bridge.health()["state"] == state)


async def _true(condition: Callable[[], bool]) -> None:
    """Wait for what another process does; the limit only keeps a failing test from hanging."""
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - another process decides
            await asyncio.sleep(0.005)


def _pid(bridge: MidiCc) -> int:
    assert bridge._link is not None
    assert bridge._link._process is not None
    return bridge._link._process.pid


async def _lost(bridge: MidiCc, act: Callable[[], Awaitable[None]]) -> str:
    """The text of the AdapterLost that run() raises after `act`; the child must be gone by then."""
    async with asyncio.timeout(30):
        with pytest.raises(AdapterLost) as lost:
            await asyncio.gather(bridge.run(), _when_open(bridge, act))
    return str(lost.value)


async def _when_open(bridge: MidiCc, act: Callable[[], Awaitable[None]]) -> None:
    await _state(bridge, "open")
    await act()


@pytest.mark.asyncio(loop_factories=["asyncio", "uvloop"])
async def test_a_child_that_gives_no_sign_of_life_is_killed() -> None:
    clock = _HandClock()
    bridge = _bridge(SILENT, clock)
    pids = []

    async def act() -> None:
        pids.append(_pid(bridge))
        await clock.pass_time(1.5)
        assert bridge.health()["state"] == "open"  # not yet
        await clock.pass_time(2)

    assert "no sign of life" in await _lost(bridge, act)
    assert not psutil.pid_exists(pids[0])
    assert bridge.health()["state"] == "closed"


@pytest.mark.asyncio
async def test_a_child_that_takes_no_messages_is_killed_and_sending_never_waits() -> None:
    clock = _HandClock()
    bridge = _bridge(DEAF, clock, repeat_s=0)

    async def act() -> None:
        for _ in range(2000):
            bridge.send(_packet(0.5), CONTROL_NAMES)
        assert bridge.health()["dropped"] > 0
        await clock.pass_time(0.5)
        assert bridge.health()["state"] == "open"  # not yet
        await clock.pass_time(2)

    assert "no more messages" in await _lost(bridge, act)


@pytest.mark.asyncio
@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="processes can't be stopped here")
async def test_a_stopped_child_is_killed_and_sending_never_waits() -> None:
    clock = _HandClock()
    bridge = _bridge(DEAF, clock, repeat_s=0)

    async def act() -> None:
        os.kill(_pid(bridge), signal.SIGSTOP)
        for _ in range(2000):
            bridge.send(_packet(0.5), CONTROL_NAMES)
        bridge.panic()
        await clock.pass_time(3)

    assert "hangs" in await _lost(bridge, act)


@pytest.mark.asyncio
async def test_a_child_that_dies_is_lost_and_the_next_one_gets_every_value(tmp_path: Path) -> None:
    clock = _HandClock()
    bridge = _bridge(DYING, clock)

    async def act() -> None:
        bridge.send(_packet(0.5), CONTROL_NAMES)
        while bridge.health()["state"] == "open":
            await clock.pass_time(0.3)

    assert "ended by itself" in await _lost(bridge, act)
    assert bridge.send(_packet(1.0), CONTROL_NAMES) == ()
    played = tmp_path / "played"
    bridge.argv = (sys.executable, "-c", RECORDING, str(played))
    told: list[tuple[int, Sent]] = []
    bridge.report_to(lambda performer, sent: told.append((performer, sent)))
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(bridge.run())
        await _true(lambda: len(_lines(played)) == 5)
        running.cancel()
    assert _lines(played) == [f"176 {20 + i} 127" for i in range(5)]
    assert told == [(0, tuple((name, 127.0) for name in CONTROL_NAMES))]


@pytest.mark.asyncio
async def test_lines_that_are_no_reports_are_ignored() -> None:
    clock = _HandClock()
    bridge = _bridge(BABBLING, clock)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(bridge.run())
        await _state(bridge, "open")
        await clock.pass_time(0.5)
        assert len(bridge.send(_packet(0.5), CONTROL_NAMES)) == 5
        running.cancel()


@pytest.mark.asyncio
async def test_the_end_of_a_show_reaches_the_device(tmp_path: Path) -> None:
    played = tmp_path / "played"
    bridge = _bridge(RECORDING, MonotonicClock(), str(played))
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(bridge.run())
        await _state(bridge, "open")
        bridge.send(_packet(0.0), CONTROL_NAMES)
        running.cancel()
    assert _lines(played) == [f"176 {20 + i} 0" for i in range(5)]


@pytest.mark.asyncio
@pytest.mark.skipif(os.name == "nt", reason="signals to a process group are a POSIX matter")
async def test_an_interrupt_of_the_whole_group_does_not_silence_the_child(tmp_path: Path) -> None:
    played = tmp_path / "played"
    bridge = _bridge(RECORDING, MonotonicClock(), str(played))
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(bridge.run())
        await _state(bridge, "open")
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            os.kill(_pid(bridge), number)
        bridge.send(_packet(0.25), CONTROL_NAMES)
        await _true(lambda: len(_lines(played)) == 5)
        running.cancel()


@pytest.mark.asyncio
async def test_cancelling_while_the_child_starts_leaves_no_process() -> None:
    before = {child.pid for child in psutil.Process().children()}
    for _ in range(5):
        bridge = _bridge(BABBLING, _HandClock())
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(bridge.run())
            await asyncio.sleep(0)
            running.cancel()
    assert {child.pid for child in psutil.Process().children()} == before


@pytest.mark.asyncio
async def test_a_machine_without_midi_plays_on_and_says_why() -> None:
    foreign = MidiCcConfig(api="alsa" if sys.platform == "darwin" else "coremidi")
    bridge = MidiCc(foreign, sample_wires(), MonotonicClock())
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(bridge.run())
        await _state(bridge, "no-midi")
        assert "not in this build of rtmidi" in bridge.health()["reason"]
        assert bridge.send(_packet(0.5), CONTROL_NAMES) == ()
        bridge.panic()
        running.cancel()
    assert bridge.health()["state"] == "closed"


ORPHANING = """
import asyncio, os, signal
from choreo_adapters.bridges.midi_cc import MidiCc
from choreo_service.clock import MonotonicClock
from choreo_service.testing import sample_wires

async def main():
    bridge = MidiCc(MidiCc.Config(), sample_wires(), MonotonicClock())
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(bridge.run())
        while bridge.health()["state"] in ("closed", "starting"):
            await asyncio.sleep(0.01)
        print(bridge._link._process.pid, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


@pytest.mark.skipif(os.name == "nt", reason="uses SIGKILL")
def test_the_child_ends_when_the_service_is_killed() -> None:
    killed = subprocess.run([sys.executable, "-c", ORPHANING], capture_output=True, timeout=60, check=False)
    child = int(killed.stdout)

    def is_gone() -> bool:
        try:
            return psutil.Process(child).status() == psutil.STATUS_ZOMBIE  # nobody reaps orphans in a bare container
        except psutil.NoSuchProcess:
            return True

    asyncio.run(_true(is_gone))


def test_the_child_loads_neither_numpy_nor_pydantic_nor_mido() -> None:
    imports = "import json, sys, rtmidi, choreo_adapters.bridges.midi_cc.child"
    program = f"{imports}\nprint(json.dumps(list(sys.modules)))"
    loaded = subprocess.run([sys.executable, "-P", "-c", program], capture_output=True, timeout=60, check=True)
    modules = json.loads(loaded.stdout)
    assert "rtmidi" in modules
    assert not {"numpy", "pydantic", "mido", "aiohttp"} & set(modules)


def _lines(played: Path) -> list[str]:
    return played.read_text().splitlines() if played.exists() else []
