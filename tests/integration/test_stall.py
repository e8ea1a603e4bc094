"""The service stood still while the phone played on: its first tick afterwards knows the newest sample."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Sequence
from typing import Any

import pytest
import uvloop
from osc_datagrams import message
from shows import PERIOD, make_service

from choreo_adapters.bridges.null import NullBridge, NullConfig
from choreo_adapters.sensors.osc_motion import OscMotion
from choreo_service.clock import MS, NS, Clock, MonotonicClock, VirtualClock, run_virtual, work_ns
from choreo_service.ingress import Ingress
from choreo_service.packets import SensorPacket, Step
from choreo_service.protocols import Emit
from choreo_service.service.show import Service
from choreo_service.ticker import Tick, Ticker

LOCAL = "127.0.0.1"
WAITING = 200  # of 100 a second, after two seconds
READ_NS = MS // 5  # what reading one takes: all of them two ticks


CONFIG = OscMotion.Config(host=LOCAL, port=0, layout="choreo", rate_limit_hz=10_000, burst=1000)


def phone(emit: Emit, clock: Clock) -> OscMotion:
    return OscMotion(CONFIG, emit, clock)


def send(port: int, numbers: Sequence[int]) -> None:
    """Samples that can be told apart."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        for number in numbers:
            sock.sendto(message("/choreo/motion/accel", "fff", number / 100, 0.0, 9.75), (LOCAL, port))


class Stall:
    """Lets the tenth tick take so long; keeps how many samples each tick after it took, and the last one's number."""

    def __init__(self, service: Service, clock: VirtualClock, stall_ns: int) -> None:
        self._clock, self._stall_ns, self._service = clock, stall_ns, service
        self.after: list[tuple[Tick, int, int]] = []
        service.listeners.append(self._tick)
        service.ingress.on_packet.append(lambda packet: clock.advance(READ_NS))

    def _tick(self, tick: Tick, packets: Sequence[SensorPacket], step: Step) -> None:
        if tick.k == 10:
            sensor = self._service.sensors["phone"]
            assert isinstance(sensor, OscMotion)
            send(sensor.receiver.port, range(WAITING))
            self._clock.advance(self._stall_ns)
        elif tick.k > 10:
            self.after.append((tick, len(packets), round(100 * packets[-1].values[0]) if packets else -1))


@pytest.mark.parametrize("wake_ns", range(0, PERIOD, 2 * MS))
def test_the_first_tick_has_them_all_wherever_between_two_slots_it_was_let_go_on(wake_ns: int) -> None:
    clock = VirtualClock()
    service = make_service(clock, {"phone": phone}, {"null": lambda wires, c: NullBridge(NullConfig(), wires, c)})
    stall = Stall(service, clock, 2 * NS + wake_ns)
    run_virtual(clock, service.run(seconds=3))
    first, taken, newest = stall.after[0]
    assert (taken, newest) == (WAITING, WAITING - 1)
    assert 0 <= first.late_ns < PERIOD


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="kernel receive stamps are a Linux feature")
@pytest.mark.parametrize("loop_factory", [asyncio.SelectorEventLoop, uvloop.new_event_loop])
def test_a_tick_that_is_late_has_what_the_kernel_received_before_it_was_due(loop_factory: Any) -> None:
    clock = MonotonicClock()
    ingress = Ingress(clock, performers=1, bound=100)

    async def main() -> tuple[Tick, list[SensorPacket]]:
        sensor = phone(ingress.emitter("phone"), clock)
        running = asyncio.get_running_loop().create_task(sensor.run())
        await asyncio.sleep(0)  # it opens its port
        send(sensor.receiver.port, range(5))
        ticker = Ticker(clock, period_ns=PERIOD, start_ns=clock.now_ns(), behind=sensor.behind)
        busy_until = work_ns() + 2 * PERIOD + 5 * MS
        while work_ns() < busy_until:  # the loop's own doing: a slot is missed, and the next one late
            pass
        tick = await anext(ticker.ticks())
        running.cancel()
        return tick, ingress.take_until(tick.due_ns)

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        tick, taken = runner.run(main())
    assert tick.dk > 1
    assert [round(100 * packet.values[0]) for packet in taken] == list(range(5))
