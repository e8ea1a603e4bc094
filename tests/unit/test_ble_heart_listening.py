"""A connected strap in virtual time: when a session gives its link up, and what errors are the machine's own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from bleak.exc import (
    BleakBluetoothNotAvailableError,
    BleakBluetoothNotAvailableReason,
    BleakDBusError,
    BleakDeviceNotFoundError,
)

from choreo_adapters.helper.reports import from_line
from choreo_adapters.sensors.ble_heart.config import BleHeartConfig
from choreo_adapters.sensors.ble_heart.news import News
from choreo_adapters.sensors.ble_heart.strap import BATTERY_S, StrapLost, StrapSession
from choreo_adapters.sensors.ble_heart.systems import why_unavailable
from choreo_service.clock import NS, VirtualClock, run_virtual

SILENT_S = 5.0


class _Client:
    """A connected strap that does `act` when its battery is read."""

    def __init__(self, act: Callable[[], None] = lambda: None, *, hangs: bool = False) -> None:
        self._act = act
        self._hangs = hangs
        self.reads = 0

    async def read_gatt_char(self, _: str) -> bytearray:
        self.reads += 1
        self._act()
        if self._hangs:
            await asyncio.Event().wait()
        return bytearray((87,))


class _Rig:
    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.reports: list[dict[str, Any]] = []
        news = News(lambda line: self.reports.append(from_line(line)))
        self.session = StrapSession(BleHeartConfig(silent_s=SILENT_S), news, self.clock)

    def listen(self, client: _Client, beats_at_s: tuple[float, ...] = ()) -> float:
        """Listen until the session gives up; seconds that took."""
        start_ns = self.clock.now_ns()

        async def main() -> None:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._beat(start_ns, beats_at_s))
                await self.session._listen(client, "strap")  # type: ignore[arg-type]

        with pytest.raises(ExceptionGroup) as caught:
            run_virtual(self.clock, main())
        assert caught.group_contains(StrapLost)
        self.told = str(caught.value.exceptions[0])
        return (self.clock.now_ns() - start_ns) / NS

    async def _beat(self, start_ns: int, beats_at_s: tuple[float, ...]) -> None:
        for at_s in beats_at_s:
            await self.clock.sleep_until(start_ns + round(at_s * NS))
            self.session._note_heart(None, bytearray(b"\x06\x48"))  # type: ignore[arg-type]


def test_silence_ends_the_link_after_silent_s_counted_from_the_last_beat() -> None:
    rig = _Rig()
    took_s = rig.listen(_Client(), beats_at_s=(1.0, 2.0, 6.5))
    assert took_s == pytest.approx(6.5 + SILENT_S, abs=1e-3)
    assert "silent" in rig.told
    assert [report["t_ns"] for report in rig.reports if "data" in report] == [NS + round(s * NS) for s in (1, 2, 6.5)]


def test_a_drop_while_the_battery_is_read_is_noticed_at_once() -> None:
    rig = _Rig()
    assert rig.listen(_Client(lambda: rig.session._note_drop(None))) < 0.01  # type: ignore[arg-type]
    assert "dropped" in rig.told


def test_a_battery_that_never_answers_costs_no_beat() -> None:
    rig = _Rig()
    took_s = rig.listen(_Client(hangs=True), beats_at_s=(0.5, 1.0))
    assert took_s == pytest.approx(1.0 + SILENT_S, abs=1e-3)
    assert BATTERY_S < SILENT_S
    assert rig.reports[-1]["battery"] is None


def test_the_battery_is_asked_now_and_then_not_with_every_beat() -> None:
    rig, client = _Rig(), _Client()
    rig.listen(client, beats_at_s=tuple(float(s) for s in range(1, 601)))
    assert client.reads == 3


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (
            BleakBluetoothNotAvailableError("off", BleakBluetoothNotAvailableReason.POWERED_OFF),
            "Bluetooth is switched off",
        ),
        (
            BleakBluetoothNotAvailableError("none", BleakBluetoothNotAvailableReason.NO_BLUETOOTH),
            "there is no Bluetooth adapter",
        ),
        (BleakBluetoothNotAvailableError("denied", BleakBluetoothNotAvailableReason.DENIED_BY_USER), "denied"),
        (BleakDBusError("org.freedesktop.DBus.Error.ServiceUnknown", ["no org.bluez"]), "bluetoothd doesn't run"),
        (FileNotFoundError(2, "no socket"), "there is no D-Bus system bus, so bluetoothd can't be reached"),
        (ConnectionRefusedError(), "there is no D-Bus system bus, so bluetoothd can't be reached"),
    ],
)
def test_an_error_of_the_machine_is_told_from_one_of_the_strap(error: Exception, reason: str) -> None:
    unavailable = why_unavailable(error)
    assert unavailable is not None
    assert unavailable.reason == reason
    assert unavailable.hint


@pytest.mark.parametrize(
    "error",
    [
        BleakDBusError("org.bluez.Error.Failed", ["br-connection-page-timeout"]),
        BleakDeviceNotFoundError("C0:FF:EE:00:00:01", "gone"),
        TimeoutError(),
    ],
)
def test_an_error_of_the_strap_is_none_of_the_machine(error: Exception) -> None:
    assert why_unavailable(error) is None
