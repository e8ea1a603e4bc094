"""What became of the devices and receivers behind the adapters: lost is said once, back once with the time it took."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from choreo_service.clock import NS, Clock
from choreo_service.logs import get_logger
from choreo_service.protocols import FallsBehind, Health
from choreo_service.supervisor import AdapterEvent, Supervisor

_ON_THE_WAY: Final = ("closed", "starting", "reopening")  # neither lost nor back
_OPENING_S: Final = 1.0  # the opening lines come half a second later


class Peers:
    """Listens to the supervisor and, at each `look()`, to the adapters' own health."""

    def __init__(self, clock: Clock, supervisor: Supervisor, adapters: Mapping[str, Any]) -> None:
        self._clock, self._supervisor, self._adapters = clock, supervisor, adapters
        self._states: dict[str, str] = {}
        self._lost_ns: dict[str, int] = {}  # adapter -> when its loss was noticed
        self._first_ns = 0
        supervisor.hooks.append(self._adapter_event)

    def look(self) -> None:
        """Ask every adapter how its peer is, and log what changed.

        What is missing from the start is told by the opening lines; slow starters count as that too.
        """
        self._first_ns = self._first_ns or self._clock.now_ns()
        opening = self._clock.now_ns() - self._first_ns <= _OPENING_S * NS
        for name, adapter in self._adapters.items():
            health = health_of(adapter)
            state, cause = str(health.get("state", "")), str(health.get("reason", ""))
            if cause:
                hint = str(health.get("hint", "")).replace("{name}", name)
                self._lost(name, cause, opening=opening, state=state, hint=hint)
            elif state in _ON_THE_WAY or self._supervisor.states.get(name) in ("starting", "down"):
                continue
            elif name in self._lost_ns:
                self._back(name, state)
            elif state != self._states.get(name, state):
                detail = {"detail": health["detail"]} if health.get("detail") else {}
                get_logger().info("peer.state", adapter=name, state=state, **detail)
            self._states[name] = state

    def _lost(self, name: str, cause: str, *, opening: bool = False, **facts: str | float) -> None:
        """A warning for the first sign; what follows until the return is for debugging."""
        log = get_logger()
        say = log.debug if opening or name in self._lost_ns else log.warning
        say("peer.lost", adapter=name, cause=cause, **{k: v for k, v in facts.items() if v != ""})
        self._lost_ns.setdefault(name, self._clock.now_ns())

    def _back(self, name: str, state: str) -> None:
        down_s = (self._clock.now_ns() - self._lost_ns.pop(name)) / NS
        get_logger().info("peer.back", adapter=name, state=state, down_s=round(down_s, 1))

    def _adapter_event(self, event: AdapterEvent) -> None:
        """An adapter that runs again isn't back yet, what it opens may hang: `look` sees when it really is."""
        if event.state == "down":
            self._lost(event.name, event.cause, tries=event.tries, retry_s=round(event.wait_s, 2))
        else:
            get_logger().debug("adapter.state", adapter=event.name, state=event.state)


def health_of(adapter: Any) -> Mapping[str, Any]:
    """The adapter's own facts, empty when it has none to tell; a plug-in's bug there is a fact too."""
    if not isinstance(adapter, Health):
        return {}
    try:
        return adapter.health()
    except Exception as error:  # noqa: BLE001 - telemetry must not stop the show
        return {"state": "unknown", "reason": f"{type(error).__name__}: {error}"}


def is_behind(sensor: Any) -> bool:
    """Whether input may wait unread in it; one that can't tell, or fails to, isn't waited for."""
    try:
        return isinstance(sensor, FallsBehind) and sensor.behind()
    except Exception:  # noqa: BLE001 - asked on the tick, which must not stop
        return False
