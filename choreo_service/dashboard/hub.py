"""Between the tick and the pages: keeps references to the last step, and lets each page have it at its own pace.

The tick never waits here: `tick` only notes what there is and wakes the pump, which runs right after the tick's work,
when the next tick is furthest away. The pump never waits for a page either (client.py).
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from choreo_service.clock import MS, NS, Clock
from choreo_service.controller import Controller
from choreo_service.dashboard import hot_frame
from choreo_service.dashboard.client import Client
from choreo_service.dashboard.moments import Moments
from choreo_service.dashboard.wire import to_json
from choreo_service.packets import SensorPacket, Step
from choreo_service.ticker import Tick

STATE_S: Final = 0.5
STUCK_S: Final = 10.0  # a page that hasn't taken one message in this time is gone
_RECENT_S: Final = 10.0  # what "now" means for lateness and latency
_KEPT_EVENTS: Final = 100
_KEPT_PACKETS: Final = 200
_MAX_SOURCES: Final = 128
_SLIDERS: Final = frozenset({"manual", "shape"})
_FLASHES: Final = frozenset({"beat", "hit"})  # too many, and too short-lived, to be kept


class Hub:
    """The tick's listener, the pages' source."""

    def __init__(self, clock: Clock, controller: Controller, *, period_ns: int) -> None:
        self._clock, self._controller = clock, controller
        self.clients: set[Client] = set()
        self.make_state: Callable[[], Mapping[str, Any]] = dict  # set by whoever knows the whole service
        self.step: Step | None = None
        self.events: deque[Mapping[str, Any]] = deque(maxlen=_KEPT_EVENTS)
        self.packets: deque[SensorPacket] = deque(maxlen=_KEPT_PACKETS)
        self.seen: dict[str, SensorPacket] = {}  # source -> its last packet
        self.arrived: Counter[tuple[int, str]] = Counter()  # samples by performer and modality
        self.frames_dropped = 0  # of pages that have left
        ticks = round(_RECENT_S * NS / period_ns)
        self._late: deque[int] = deque(maxlen=ticks)
        self._work: deque[int] = deque(maxlen=ticks)
        self._latency: deque[int] = deque(maxlen=ticks)
        self._skipped: deque[int] = deque(maxlen=ticks)
        self._moments = Moments()
        self._wake = asyncio.Event()
        self._state_ns = 0

    def tick(self, tick: Tick, packets: Sequence[SensorPacket], step: Step) -> None:
        """On the tick. The state of what is seen; no page is touched."""
        self.step = step
        self._late.append(tick.late_ns)
        self._work.append(sum(step.timings_ns.values()))
        self._skipped.append(tick.dk - 1)
        if packets:
            self.packets.extend(packets)
            self._latency.append(self._clock.now_ns() - packets[len(packets) // 2].rx_ns)
            for packet in packets:
                self.arrived[packet.performer, packet.modality] += 1
                if packet.source_id in self.seen or len(self.seen) < _MAX_SOURCES:
                    self.seen[packet.source_id] = packet
        for moment in self._moments.look(step, asked=any(p.stream == "models" for p in packets)):
            self.event(moment, step.frame.t_ns)
        if self.clients:
            self._wake.set()

    def event(self, facts: Mapping[str, Any], t_ns: int | None = None) -> None:
        """Tell every page of one moment; `facts` has a `kind`."""
        told = {"type": "event", "t": (self._clock.now_ns() if t_ns is None else t_ns) / NS, **facts}
        if facts["kind"] not in _FLASHES:
            if self.events and _same_slider(self.events[-1], told):
                self.events.pop()
            self.events.append(told)
        if self.clients:
            text = to_json(told)
            for client in self.clients:
                client.put_text(text)

    def recent(self) -> Mapping[str, Any]:
        """How the last ten seconds went, in ms."""
        return {
            "late_ms": _percentiles(self._late),
            "work_ms": _percentiles(self._work),
            "latency_ms": _percentiles(self._latency),
            "skipped": sum(self._skipped),
        }

    def join(self, client: Client) -> None:
        self.clients.add(client)
        self._state_ns = 0  # it gets the state with the next tick

    def leave(self, client: Client) -> None:
        self.clients.discard(client)
        self.frames_dropped += client.dropped

    @property
    def performers(self) -> int:
        return len(self._controller.latest)

    @property
    def dropped(self) -> int:
        """Messages that pages were too slow for, since the start."""
        return self.frames_dropped + sum(client.dropped for client in self.clients)

    async def pump(self) -> None:
        """Hand out until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            self.publish()

    def publish(self) -> None:
        """Give every page that is due the last step, and twice a second the state."""
        step = self.step
        if step is None:
            return
        t_ns = step.frame.t_ns
        frames: dict[int, bytes] = {}
        for client in self.clients:
            if not client.wants_frame(t_ns):
                continue
            b = client.performer
            if b not in frames:
                frames[b] = hot_frame.pack(self._controller.latest[b], step, b)
            client.put_frame(frames[b])
        if t_ns - self._state_ns >= STATE_S * NS:
            self._state_ns = t_ns
            self._tell_state()

    def _tell_state(self) -> None:
        text = to_json({"type": "state", **self.make_state()})
        for client in list(self.clients):
            if client.stuck_s() > STUCK_S and client.let_go is not None:
                client.let_go()
            else:
                client.put_state(text)


def _same_slider(before: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """A fader that is being moved is one thing that happens, told many times."""
    what = ("kind", "verb", "control", "field", "door", "reason")
    return now.get("verb") in _SLIDERS and all(before.get(key) == now.get(key) for key in what)


def _percentiles(spans_ns: Sequence[int]) -> dict[str, float]:
    ordered = sorted(spans_ns)
    if not ordered:
        return {"p50": 0.0, "p99": 0.0, "max": 0.0}
    at = [ordered[min(len(ordered) - 1, int(q * len(ordered)))] for q in (0.5, 0.99)]
    return {k: round(v / MS, 3) for k, v in zip(("p50", "p99", "max"), [*at, ordered[-1]], strict=True)}
