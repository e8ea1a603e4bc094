"""Where samples enter: one stamp, one bound per source, every refusal and every drop counted by source and cause."""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from choreo_service.clock import Clock
from choreo_service.packets import STREAMS, SensorPacket

_MAX_SOURCES = 128  # a flood from invented sources must not grow memory


class Ingress:
    """Bounded buffers between the sensors and the tick.

    `put` runs on the event loop and is the only place where a packet gets its stamp: when it was received, or measured
    where its device's clock tells, so that a late tick takes what came before it was due although it was read after
    that; but never earlier than the stamp before, or than a tick that has been played. So stamps never decrease, and
    alone they tell the tick that took a packet, in a recorded take too. Buffers are drop-oldest: after a stall the
    newest samples are there, and what was lost is counted as `overflow`.
    """

    def __init__(self, clock: Clock, *, performers: int, bound: int) -> None:
        self._clock = clock
        self._performers = performers
        self._bound = bound
        self._queues: dict[str, deque[SensorPacket]] = {}
        self._seq = 0
        self._earliest_ns = 0  # of the next stamp
        self.accepted: Counter[str] = Counter()  # by source
        self.heard_ns: dict[str, int] = {}  # source -> stamp of its last accepted packet
        self.dropped: dict[str, Counter[str]] = {}  # source -> cause -> count
        self.on_packet: list[Callable[[SensorPacket], None]] = []  # told of each packet at once; must be quick

    def emitter(self, adapter: str) -> Emitter:
        """The Emit of one adapter; its sources are named `adapter` or `adapter:peer`."""
        return Emitter(self, adapter)

    def put(
        self,
        stream: str,
        values: Sequence[float],
        *,
        source_id: str,
        performer: int = 0,
        rx_ns: int | None = None,
        source_ns: int | None = None,
    ) -> bool:
        """Stamp and enqueue one sample; False when it was refused (and counted). Never raises for bad values."""
        cause, clean = self._checked(stream, values, performer)
        if cause:
            self.reject(source_id, cause)
            return False
        queue = self._queue(source_id)
        if queue is None:
            self.reject("(other sources)", "too many sources")
            return False
        if len(queue) == self._bound:
            self.reject(source_id, "overflow")
        now_ns = self._clock.now_ns()
        received = now_ns if rx_ns is None else min(rx_ns, now_ns)
        t_ns = self._earliest_ns = max(self._earliest_ns, received)
        packet = SensorPacket(stream, performer, self._seq, t_ns, received, source_ns, source_id, clean)
        queue.append(packet)
        self._seq += 1
        self.accepted[source_id] += 1
        self.heard_ns[source_id] = t_ns
        for hear in self.on_packet:
            hear(packet)
        return True

    def take_until(self, due_ns: int) -> list[SensorPacket]:
        """Remove and return, in order of arrival, exactly the packets with `t_ns <= due_ns`; whatever comes after this
        is stamped later than that."""
        taken: list[SensorPacket] = []
        sources = 0
        for queue in self._queues.values():
            if queue and queue[0].t_ns <= due_ns:
                sources += 1
                while queue and queue[0].t_ns <= due_ns:
                    taken.append(queue.popleft())
        if sources > 1:
            taken.sort(key=_by_seq)
        # What still comes in this very nanosecond is played by the next tick and must not look like this one's.
        self._earliest_ns = max(self._earliest_ns, due_ns + 1)
        return taken

    def reject(self, source_id: str, cause: str, count: int = 1) -> None:
        """Count samples that were refused or lost."""
        causes = self.dropped.get(source_id)
        if causes is None:
            if len(self.dropped) >= _MAX_SOURCES:
                source_id = "(other sources)"
            causes = self.dropped.setdefault(source_id, Counter())
        causes[cause] += count

    def counts(self) -> Mapping[str, Mapping[str, int]]:
        """source -> {"accepted": n, cause: n, ...}"""
        names = [*self.accepted, *(s for s in self.dropped if s not in self.accepted)]
        return {s: {"accepted": self.accepted.get(s, 0), **self.dropped.get(s, {})} for s in names}

    def state(self) -> Mapping[str, Any]:
        """The books, as if what `waiting` gives hadn't come yet."""
        waiting = {source: len(queue) for source, queue in self._queues.items()}
        return {
            "seq": self._seq - sum(waiting.values()),
            "earliest_ns": self._earliest_ns,
            "accepted": {source: count - waiting.get(source, 0) for source, count in self.accepted.items()},
            "heard_ns": dict(self.heard_ns),
            "dropped": {source: dict(causes) for source, causes in self.dropped.items()},
        }

    def waiting(self) -> list[SensorPacket]:
        """What no tick has taken yet, in order of arrival."""
        return sorted((packet for queue in self._queues.values() for packet in queue), key=_by_seq)

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on with somebody else's books; before the first packet."""
        self._seq, self._earliest_ns = state["seq"], state["earliest_ns"]
        self.accepted, self.heard_ns = Counter(state["accepted"]), dict(state["heard_ns"])
        self.dropped = {source: Counter(causes) for source, causes in state["dropped"].items()}

    def _queue(self, source_id: str) -> deque[SensorPacket] | None:
        queue = self._queues.get(source_id)
        if queue is None and len(self._queues) < _MAX_SOURCES:
            queue = self._queues[source_id] = deque(maxlen=self._bound)
        return queue

    def _checked(self, stream: str, values: Sequence[float], performer: int) -> tuple[str, tuple[float, ...]]:
        """(cause of refusal or "", the values as floats)"""
        known = STREAMS.get(stream)
        if known is None:
            return "unknown stream", ()
        if not 0 <= performer < self._performers:
            return "unknown performer", ()
        try:
            clean = tuple(map(float, values))
        except (TypeError, ValueError, OverflowError):
            return "not a number", ()
        if len(clean) != known.width:
            return "wrong width", ()
        if not all(map(math.isfinite, clean)):
            return "not finite", ()
        return "", clean


class Emitter:
    """What an adapter gets as its Emit."""

    def __init__(self, ingress: Ingress, adapter: str) -> None:
        self._ingress = ingress
        self._adapter = adapter
        self._names: dict[str, str] = {"": adapter}

    def __call__(
        self,
        stream: str,
        values: Sequence[float],
        *,
        performer: int = 0,
        source: str = "",
        rx_ns: int | None = None,
        source_ns: int | None = None,
    ) -> None:
        self._ingress.put(
            stream, values, source_id=self._name(source), performer=performer, rx_ns=rx_ns, source_ns=source_ns
        )

    def rejected(self, cause: str, *, source: str = "", count: int = 1) -> None:
        self._ingress.reject(self._name(source), cause, count)

    def _name(self, source: str) -> str:
        name = self._names.get(source)
        if name is None:
            name = f"{self._adapter}:{source}"
            if len(self._names) < _MAX_SOURCES:  # only a cache; peers invented by a flood are not remembered
                self._names[source] = name
        return name


def _by_seq(packet: SensorPacket) -> int:
    return packet.seq
