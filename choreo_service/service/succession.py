"""What one engine leaves with every tick and another goes on from."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, Final

from choreo_service.logs import get_logger
from choreo_service.packets import SensorPacket, Step
from choreo_service.service.show import Service
from choreo_service.standby.seat import Seat, Turn
from choreo_service.ticker import Tick

RAMP_S: Final = 0.2  # from the last values sent to where the body is


def take_over(service: Service, seat: Seat, turn: Turn) -> None:
    """It is this service's turn to play: go on where the one before it fell, and leave its own state with every
    tick."""
    ask_for_realtime(turn.realtime)
    succeed(service, turn)

    def leave_state(tick: Tick, packets: Sequence[SensorPacket], step: Step) -> None:
        waiting = [note(packet) for packet in service.ingress.waiting()]
        seat.tick(tick.due_ns + tick.late_ns, snapshot(service, tick), waiting)

    service.ingress.on_packet.insert(0, lambda packet: seat.note(note(packet)))
    service.listeners.append(leave_state)
    service.on_ending.append(seat.ending)
    service.followed = lambda: not seat.alone
    service.telemetry.parts["standby"] = service.facts["standby"] = seat.facts


def snapshot(service: Service, tick: Tick) -> Mapping[str, Any]:
    """Everything a successor needs to go on after `tick`."""
    period_ns = service.core.period_ns
    return {
        "t_ns": tick.due_ns + tick.late_ns,
        "due_ns": tick.due_ns,
        "k": tick.k,
        "period_ns": period_ns,
        "core": service.core.state(),
        "shaping": {} if service.shaping is None else service.shaping.state(),
        "controller": service.controller.state(),
        "ingress": service.ingress.state(),
        "recorder": service.recorder.state(),
        "token": service.dashboard.token if service.dashboard else "",
    }


def succeed(service: Service, turn: Turn) -> None:
    """Let `service` go on where another engine fell; before it runs. What can't be used begins from rest."""
    if turn.state is None:
        return
    state, log = turn.state, get_logger()
    rest = service.core.state()
    if state["period_ns"] == service.core.period_ns:
        service.grid = (state["due_ns"] - state["k"] * state["period_ns"], state["k"])
    try:
        if turn.trusted:
            service.core.load_state(state["core"])
        if service.shaping is not None:
            service.shaping.load_state(state["shaping"])
        service.controller.load_state(state["controller"], RAMP_S)
        service.ingress.load_state(state["ingress"])
    except Exception as error:  # noqa: BLE001 - another configuration may have another state: the show goes on
        service.core.load_state(rest)
        log.warning("standby.state_refused", cause=f"{type(error).__name__}: {error}", now="begins from rest")
    if service.dashboard is not None:
        service.dashboard.token = state["token"]  # tablets were given it
    service.recorder.load_state(state["recorder"])
    for packet in turn.notes:
        service.ingress.put(**packet)


def note(packet: SensorPacket) -> Mapping[str, Any]:
    """What came in, as `succeed` puts it in again: with a new stamp, for another tick, and the times it had before."""
    return {
        "stream": packet.stream,
        "values": packet.values,
        "source_id": packet.source_id,
        "performer": packet.performer,
        "rx_ns": packet.rx_ns,
        "source_ns": packet.source_ns,
    }


def ask_for_realtime(priority: int) -> None:
    """Play with the real-time priority that the watcher has and children don't inherit; 0: as we are."""
    if not priority:
        return
    policy = os.SCHED_FIFO | os.SCHED_RESET_ON_FORK
    try:
        os.sched_setscheduler(0, policy, os.sched_param(priority))
    except OSError as error:
        get_logger().warning("standby.priority", wanted=priority, cause=error.strerror or str(error))
