"""What one engine leaves with every tick and another goes on from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

from choreo_service.logs import get_logger
from choreo_service.packets import SensorPacket, Step
from choreo_service.priority import come_first
from choreo_service.service.show import Service
from choreo_service.standby.seat import Seat, Turn
from choreo_service.ticker import Tick

RAMP_S: Final = 0.2  # from the last values sent to where the body is
_CHANGED: Final = "checkpoints or configuration were changed and not reloaded"


def take_over(service: Service, seat: Seat, turn: Turn) -> None:
    """It is this service's turn to play: go on where the one before it fell, and leave its own state with every
    tick."""
    ask_for_realtime(turn.realtime)
    succeed(service, turn)

    def leave_state(tick: Tick, packets: Sequence[SensorPacket], step: Step) -> None:
        waiting = [note(packet) for packet in service.ingress.waiting()]
        seat.tick(tick.due_ns + tick.late_ns, snapshot(service, tick), waiting)

    service.ingress.on_packet.insert(0, lambda packet: seat.note(note(packet)))

    def tell_of_it(cause: str, gap_ms: float) -> None:
        service.announce("standby", f"the spare engine took over, {gap_ms:.0f} ms without a tick: {cause}", "warn")

    service.listeners.append(leave_state)
    seat.playing = lambda: service.core.fingerprint
    seat.on_took_over.append(tell_of_it)
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
        "models": [service.core.mapper, service.core.fingerprint],
        "shaping": {} if service.shaping is None else service.shaping.state(),
        "controller": service.controller.state(),
        "ingress": service.ingress.state(),
        "recorder": service.recorder.state(),
        "page": service.dashboard.left() if service.dashboard else {},
    }


def succeed(service: Service, turn: Turn) -> None:
    """Let `service` go on where another engine fell; before it runs. A part that can't use its state begins from rest:
    another configuration may have another one, and the show goes on."""
    if turn.state is None:
        return
    state, core, rest = turn.state, service.core, service.core.state()
    if state["period_ns"] == core.period_ns:  # else other filters on another grid, from rest
        service.grid = (state["due_ns"] - state["k"] * state["period_ns"], state["k"])
        if turn.trusted and not _core_goes_on(service, state):
            core.load_state(rest)
    if service.shaping is not None:
        _goes_on("shaping", service.shaping.load_state, state["shaping"])
    _goes_on("controller", partial(service.controller.load_state, fade_s=RAMP_S), state["controller"])
    _goes_on("ingress", service.ingress.load_state, state["ingress"])
    if service.dashboard is not None and state["page"]:
        service.dashboard.go_on(state["page"])
    service.recorder.load_state(state["recorder"])
    for packet in turn.notes:
        service.ingress.put(**packet)


def _core_goes_on(service: Service, state: Mapping[str, Any]) -> bool:
    """What the nets remember means something to the same nets alone: files may have been replaced since the other
    engine read them."""
    core, (name, fingerprint) = service.core, state.get("models", ("", None))  # None: of another version
    if fingerprint == core.fingerprint:
        return _goes_on("core", core.load_state, state["core"])
    now, before = core.mapper or "rules", name or "rules"
    get_logger().warning("standby.other_models", now=now, before=before, hint=_CHANGED)
    service.announce("models", f"{now} play now, before {before}: {_CHANGED}", "warn")
    return _goes_on("core", core.go_on_from_others, state["core"])


def _goes_on(part: str, load: Callable[[Any], object], state: Any) -> bool:
    try:
        load(state)
    except Exception as error:  # noqa: BLE001 - whatever it is, the other parts and the show go on
        cause = f"{type(error).__name__}: {error}"
        get_logger().warning("standby.state_refused", part=part, cause=cause, now="begins from rest")
        return False
    return True


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
    """Play with the real-time priority that the watcher has; 0: as we are."""
    try:
        come_first(priority)
    except OSError as error:
        get_logger().warning("standby.priority", wanted=priority, cause=error.strerror or str(error))
