"""Row 10: the strap out of reach again and again, until beats are heard after it is back. Real bleak, a fake BlueZ."""

from __future__ import annotations

import asyncio
import os
import shutil
from statistics import median
from typing import Final

from rig.bluez import FakeBluez, SystemBus  # tests are on the path, as for `make fuzz`
from rig.wearer import Wearer

from bench.figures import Figure, Section
from bench.machine import load, machine
from choreo_adapters.sensors.ble_heart import BleHeart
from choreo_service.clock import MonotonicClock
from choreo_service.supervisor import Backoff, Supervisor

AWAY_S: Final = (0.5, 3.0, 8.0)
ROUNDS: Final = 3
BACK_S: Final = 6.0


def radio() -> list[Section]:
    """Nothing where there is no D-Bus."""
    if shutil.which("dbus-daemon") is None:
        print("row 10 not measured: there is no dbus-daemon (make peers)")
        return []
    before = load()
    bus = SystemBus()
    os.environ["DBUS_SYSTEM_BUS_ADDRESS"] = bus.address  # our helper processes take it for the machine's
    try:
        with FakeBluez(bus.start()) as bluez:
            back_s = asyncio.run(_lost_and_found(bluez))
    finally:
        bus.discard()
        del os.environ["DBUS_SYSTEM_BUS_ADDRESS"]
    return [
        Section(
            "A strap out of reach",
            f"The link dropped, the strap gone for {', '.join(f'{s:g}' for s in AWAY_S)} s, {ROUNDS} times each; from "
            "its return to the next message, one a second. Default settings, a fake BlueZ on a real D-Bus.",
            "make soak ONLY=radio",
            machine(),
            before,
            (
                Figure(10, "losses", len(back_s)),
                Figure(10, "back after, median", median(back_s), "s", at_most=BACK_S),
                Figure(10, "back after, worst", max(back_s), "s"),
            ),
        )
    ]


async def _lost_and_found(bluez: FakeBluez) -> list[float]:
    wearer = Wearer(**BleHeart.Config().model_dump(include={"silent_s", "connect_s", "scan_s"}))
    wearer.supervisor = Supervisor(MonotonicClock(), backoff=Backoff())
    back_s = []
    async with asyncio.TaskGroup() as group:
        running = group.create_task(wearer.supervisor.supervise("heart", wearer.heart.run))
        bluez.set(period_s=1.0)
        await wearer.beats()
        for away_s in AWAY_S * ROUNDS:
            bluez.set(advertising=False)
            bluez.do("drop")
            await asyncio.sleep(away_s)
            bluez.set(advertising=True)
            back_s.append(await wearer.beats(1))
        running.cancel()
    return back_s
