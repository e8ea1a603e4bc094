"""The whole service as two messages: `hello`, what there is, and `state`, how it is. The pages hard-code no channel."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Hashable, Iterator, Mapping
from typing import Any, Final

from choreo_service import __version__
from choreo_service.clock import MS, NS, Clock
from choreo_service.commands import COMMANDS
from choreo_service.config import ControlMap
from choreo_service.core import Core
from choreo_service.dashboard import hot_frame
from choreo_service.dashboard.health import assess
from choreo_service.dashboard.hub import Hub
from choreo_service.easing import TRANSFER
from choreo_service.ingress import Ingress
from choreo_service.packets import CONTROL_NAMES, FEATURE_COLUMNS, LEADERS, MODALITIES, STREAMS
from choreo_service.supervisor import Supervisor
from choreo_service.telemetry import Telemetry

Facts = Callable[[], Mapping[str, Any]]
HealthOf = Callable[[Any], Mapping[str, Any]]
_RATE_WINDOW_S: Final = 2.0
_CURVE_POINTS: Final = 32


class Picture:
    """Reads the parts of a running service; changes none.

    `facts` are further sections of the state, by name. The pages know `latched` (panic, frozen_s, held, muted, manual,
    map), `scenes` (name, names), `shape` (service/shaping.py), `learnt` (protocols.Learns), `recording` (state, take,
    elapsed_s, bytes, minutes_left, reason), `calibration` (dashboard/calibration.py) and `standby` (standby/seat.py).
    """

    def __init__(
        self,
        *,
        clock: Clock,
        core: Core,
        telemetry: Telemetry,
        ingress: Ingress,
        supervisor: Supervisor,
        hub: Hub,
        control_map: ControlMap,
        sensors: Mapping[str, Any],
        bridges: Mapping[str, Any],
        health_of: HealthOf,
        facts: Mapping[str, Facts],
    ) -> None:
        self._clock, self._core, self._telemetry, self._ingress = clock, core, telemetry, ingress
        self._supervisor, self._hub, self._facts = supervisor, hub, facts
        self.control_map = control_map
        self._sensors, self._bridges, self._health_of = sensors, bridges, health_of
        self._start_ns = self._counted_ns = clock.now_ns()
        self._by_source = _Rates()
        self._by_modality = _Rates()

    def card(self, *, show_id: str, name: str) -> dict[str, Any]:
        """Which show this is, for who finds several on a machine."""
        return {
            "service": __version__,
            "show": show_id,
            "name": name,
            "performers": self._core.performers,
            "sensors": list(self._sensors),
        }

    def hello(self, *, show_id: str, name: str, may_steer: bool, pin: bool) -> dict[str, Any]:
        """Names, units, ranges and verbs, once per connection."""
        columns = [(m.name, c, u) for m in MODALITIES.values() for c, u in zip(m.columns, m.units, strict=True)]
        return {
            "type": "hello",
            "version": hot_frame.VERSION,
            **self.card(show_id=show_id, name=name),
            "t0": self._start_ns / NS,  # what the times of events and frames are counted from
            "frame": {"bytes": hot_frame.LAYOUT.size, "controls": len(CONTROL_NAMES), "features": len(FEATURE_COLUMNS)},
            "period_ms": self._core.period_ns / MS,
            "controls": [dataclasses.asdict(spec.wire(name)) for name, spec in self.control_map.items()],
            "curves": {
                name: [round(bend(i / _CURVE_POINTS), 4) for i in range(_CURVE_POINTS + 1)]
                for name, bend in TRANSFER.items()
            },
            "leaders": list(LEADERS),
            "features": [{"name": c, "unit": u, "modality": m} for m, c, u in columns],
            "modalities": [{"name": m.name, "expected_hz": m.expected_hz} for m in MODALITIES.values()],
            "streams": {s.name: {"unit": s.unit, "about": s.about} for s in STREAMS.values()},
            "verbs": {verb: (cls.__doc__ or "").strip() for verb, cls in COMMANDS.items()},
            "may_steer": may_steer,
            "pin": pin,
            "events": list(self._hub.events),
        }

    def state(self) -> dict[str, Any]:
        """Everything that changes slowly, twice a second. One message serves all pages."""
        self._count()
        step = self._hub.step
        state: dict[str, Any] = {
            "t": self._clock.now_ns() / NS,
            "period_ms": self._core.period_ns / MS,
            "ticks": self._telemetry.ticks,
            "hz": round(self._telemetry.hz, 3),
            "skipped": self._telemetry.skipped,
            "held": self._telemetry.held,
            "recent": self._hub.recent(),
            "models": self._core.mapper,
            "mapper": step.mapper if step else "",
            "leader": step.tempo.leader if step and step.tempo else "",
            "fault": self._core.last_fault,
            "coherence": [round(float(c), 3) for c in step.latent.coherence] if step and step.latent else [],
            "modalities": self._modalities(),
            "sensors": list(self._peers(self._sensors)),
            "bridges": list(self._peers(self._bridges)),
            "pages": {"open": len(self._hub.clients), "dropped": self._hub.dropped},
        }
        for name, facts in self._facts.items():
            state[name] = _told(facts)
        state["health"] = dataclasses.asdict(assess(state))
        return state

    def incoming(self) -> list[dict[str, Any]]:
        """The last samples accepted, newest first: what a performer asks first is whether anything arrives."""
        now_ns = self._clock.now_ns()
        return [
            {
                "age_ms": round((now_ns - p.t_ns) / MS),
                "source": p.source_id,
                "stream": p.stream,
                "performer": p.performer,
                "values": [round(v, 3) for v in p.values],
            }
            for p in reversed(self._hub.packets)
        ]

    def _modalities(self) -> list[dict[str, dict[str, Any]]]:
        step, now_ns = self._hub.step, self._clock.now_ns()
        filled = step.latent.filled if step and step.latent else None
        performers = []
        for b, states in enumerate(self._telemetry.states):
            row: dict[str, dict[str, Any]] = {}
            for i, (name, state) in enumerate(states.items()):
                age_s = float(step.frame.age_s[b, i]) + (now_ns - step.frame.t_ns) / NS if step else float("inf")
                row[name] = {
                    "state": state,
                    "age_ms": round(age_s * 1000.0) if age_s < 1e6 else None,
                    "hz": round(self._by_modality[b, name], 1),
                    "coverage": round(self._telemetry.coverage(b, name), 4),
                    "told_by_the_others": bool(filled[b, i]) if filled is not None else False,
                }
            performers.append(row)
        return performers

    def _peers(self, adapters: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        counts = self._ingress.counts()
        for name, adapter in adapters.items():
            sources = [self._source(s, c) for s, c in counts.items() if s == name or s.startswith(f"{name}:")]
            supervised = self._supervisor.states.get(name, "")
            yield {"name": name, "supervised": supervised, **self._health_of(adapter), "sources": sources}

    def _source(self, source: str, counts: Mapping[str, int]) -> dict[str, Any]:
        last = self._hub.seen.get(source)
        refused = {cause: n for cause, n in counts.items() if cause != "accepted"}
        return {
            "name": source,
            "hz": round(self._by_source[source], 1),
            "age_ms": None if last is None else round((self._clock.now_ns() - last.t_ns) / MS),
            "accepted": counts["accepted"],
            "refused": refused,
        }

    def _count(self) -> None:
        """Rates of the sources over the last two seconds."""
        now_ns = self._clock.now_ns()
        span_s = (now_ns - self._counted_ns) / NS
        if span_s < _RATE_WINDOW_S:
            return
        self._counted_ns = now_ns
        self._by_source.count(self._ingress.accepted, span_s)
        self._by_modality.count(self._hub.arrived, span_s)


class _Rates:
    """Per second, from counters that only grow."""

    def __init__(self) -> None:
        self._counts: dict[Hashable, int] = {}
        self._rates: dict[Hashable, float] = {}

    def __getitem__(self, key: Hashable) -> float:
        return self._rates.get(key, 0.0)

    def count(self, counts: Mapping[Any, int], span_s: float) -> None:
        self._rates = {key: (n - self._counts.get(key, 0)) / span_s for key, n in counts.items()}
        self._counts = dict(counts)


def _told(facts: Facts) -> Mapping[str, Any]:
    """A part that fails to say how it is must not keep the others from being seen."""
    try:
        return facts()
    except Exception as error:  # noqa: BLE001 - telemetry must not stop the show
        return {"reason": f"{type(error).__name__}: {error}"}
