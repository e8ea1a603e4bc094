"""The real-time loop: wake, take, step, offer. Nothing is awaited between take and offer, so nothing can come between
them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from choreo_service.clock import work_ns
from choreo_service.controller import Controller
from choreo_service.core import Core
from choreo_service.ingress import Ingress
from choreo_service.packets import SensorPacket, Step
from choreo_service.telemetry import Telemetry
from choreo_service.ticker import Tick, Ticker

TickListener = Callable[[Tick, Sequence[SensorPacket], Step], None]


async def run_loop(
    ticker: Ticker,
    ingress: Ingress,
    core: Core,
    controller: Controller,
    telemetry: Telemetry,
    listeners: Sequence[TickListener] = (),
) -> None:
    """Play until the ticker is stopped. Listeners are called on the tick: they must be quick and must not raise."""
    async for tick in ticker.ticks():
        started = work_ns()
        packets = ingress.take_until(tick.due_ns)
        step = core.step(tick.k, tick.dk, tick.due_ns, packets)
        controller.offer(step)
        for listener in listeners:
            listener(tick, packets, step)
        telemetry.observe(tick, step, work_ns() - started)
