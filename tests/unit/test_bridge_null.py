"""The null bridge accepts everything, reports it as sent, and counts."""

from __future__ import annotations

import asyncio
import math

from choreo_adapters.bridges.null import NullBridge, NullConfig
from choreo_service.clock import VirtualClock, run_virtual
from choreo_service.packets import CONTROL_NAMES, ControlPacket
from choreo_service.testing import sample_wires


def _bridge() -> NullBridge:
    return NullBridge(NullConfig(), sample_wires(), VirtualClock())


def test_what_is_sent_is_counted_and_returned() -> None:
    bridge = _bridge()
    sent = bridge.send(ControlPacket(0, 0, 0, 1.0, 0.5, 0.0, 300.0, 64.0), ("density", "fx_send"))
    assert sent == (("density", 0.5), ("fx_send", 64.0))
    bridge.panic()
    assert bridge.health() == {"state": "closed", "packets": 1, "values": 2, "panics": 1}


def test_values_come_out_inside_the_range_and_never_infinite() -> None:
    packet = ControlPacket(0, 0, 0, 99.0, math.nan, -5.0, math.inf, 64.0)
    assert _bridge().send(packet, CONTROL_NAMES) == (("tempo_scale", 2.0), ("tension", -1.0), ("fx_send", 64.0))


def test_names_without_a_wire_are_left_out() -> None:
    bridge = NullBridge(NullConfig(), {"density": sample_wires()["density"]}, VirtualClock())
    assert bridge.send(ControlPacket(0, 0, 0, 1.0, 0.5, 0.0, 300.0, 64.0), CONTROL_NAMES) == (("density", 0.5),)


def test_the_state_follows_run() -> None:
    bridge = _bridge()

    async def play() -> None:
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(bridge.run())
            await asyncio.sleep(1)
            assert bridge.health()["state"] == "open"
            running.cancel()

    run_virtual(VirtualClock(), play())
    assert bridge.health()["state"] == "closed"
