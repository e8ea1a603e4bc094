"""One connection after another in one process, by real bleak: what the helper's insides leave behind and what they do
while bluetoothd is silent. The adapter never reconnects within a process; a library that leaks would leak here."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from typing import Any, Final

import pytest
from rig.bluez import FakeBluez, SystemBus
from rig.wearer import QUICK

from choreo_adapters.helper.reports import from_line
from choreo_adapters.sensors.ble_heart import strap as module
from choreo_adapters.sensors.ble_heart.config import BleHeartConfig
from choreo_adapters.sensors.ble_heart.news import News
from choreo_adapters.sensors.ble_heart.strap import StrapLost, StrapSession
from choreo_service.clock import MonotonicClock

pytestmark = [pytest.mark.peer("dbus-daemon"), pytest.mark.slow]

PATIENCE_S: Final = 10.0
RECONNECTS: Final = 60
SETTLED: Final = 3  # connections after which bleak and the loop have opened what they keep


@pytest.fixture
def bluez(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeBluez]:
    bus = SystemBus().start()
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", bus.address)
    with FakeBluez(bus) as running:
        running.set(period_s=0.01)
        yield running
    bus.discard()


class Listener:
    """Where a session's lines go; drops the link after the first notification if told to."""

    def __init__(self, bluez: FakeBluez, *, drop: bool) -> None:
        self._bluez = bluez
        self._drop = drop
        self.states: list[str] = []
        self.heard = asyncio.Event()

    def write(self, line: bytes) -> None:
        report: dict[str, Any] = from_line(line)
        self.states.append(report["state"])
        if "data" in report:
            self.heard.set()
            if self._drop:
                self._drop = False
                asyncio.get_running_loop().call_soon(self._bluez.do, "drop")  # not below our own code: a pipe may block

    def session(self) -> StrapSession:
        return StrapSession(BleHeartConfig(**QUICK), News(self.write), MonotonicClock())


@pytest.mark.asyncio(loop_factories=["asyncio", "uvloop"])
async def test_sixty_reconnections_leave_no_descriptor_and_no_task_behind(bluez: FakeBluez) -> None:
    clock = MonotonicClock()
    open_after: list[int] = []
    start_ns = clock.now_ns()
    for _ in range(RECONNECTS):
        listener = Listener(bluez, drop=True)
        with pytest.raises(StrapLost, match="dropped"):
            async with asyncio.timeout(PATIENCE_S):
                await listener.session().run()
        assert listener.heard.is_set()
        open_after.append(len(os.listdir("/proc/self/fd")))  # noqa: PTH208 - a count, not paths
    print(
        f"{(clock.now_ns() - start_ns) / 1e9 / RECONNECTS:.3f} s per connection; open {open_after[0]}..{open_after[-1]}"
    )
    assert set(open_after[SETTLED:]) == {open_after[SETTLED]}
    assert bluez.calls("StartNotify") == RECONNECTS
    assert len(asyncio.all_tasks()) <= 2  # this test, and bleak's watch over its one bus


@pytest.mark.asyncio
async def test_a_bluetoothd_that_hangs_is_said(bluez: FakeBluez, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ANSWER_S", 0.2)
    bluez.pause()
    with pytest.raises(StrapLost, match="Bluetooth service doesn't answer"):
        await Listener(bluez, drop=False).session().run()


@pytest.mark.asyncio
async def test_a_cancelled_session_parts_from_the_strap(bluez: FakeBluez) -> None:
    listener = Listener(bluez, drop=False)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(listener.session().run())
        async with asyncio.timeout(PATIENCE_S):
            await listener.heard.wait()
        running.cancel()
    assert bluez.calls("Disconnect") == 1
    assert list(dict.fromkeys(listener.states)) == ["connecting", "connected"]
