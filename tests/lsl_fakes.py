"""An LSL library without a network: streams that are there or not, and an inlet that plays a script in virtual time."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from choreo_adapters.sensors.lsl_inlet import LslInletConfig
from choreo_adapters.sensors.lsl_inlet.handover import Sample
from choreo_adapters.sensors.lsl_inlet.listener import Listener
from choreo_service.clock import NS, VirtualClock

Chunk = tuple[list[list[float]], list[float]]  # samples, stamps in s of the sender's clock


class FakeTimeoutError(RuntimeError):
    pass


class FakeLostError(RuntimeError):
    pass


@dataclass
class FakeInfo:
    """A stream as a look-up shows it."""

    stream: str = "body"
    host: str = "studio"
    channels: int = 4
    rate_hz: float = 100.0
    text: bool = False
    labels: Sequence[str] | None = None

    def name(self) -> str:
        return self.stream

    def hostname(self) -> str:
        return self.host

    def source_id(self) -> str:
        return f"{self.stream}@{self.host}"

    def uid(self) -> str:
        return f"uid-{self.stream}-{self.host}"

    def channel_count(self) -> int:
        return self.channels

    def nominal_srate(self) -> float:
        return self.rate_hz

    def channel_format(self) -> int:
        return 3 if self.text else 1

    def get_channel_labels(self) -> Sequence[str] | None:
        return self.labels


@dataclass
class FakeLsl:
    """What of pylsl the inlet uses. `script` holds what each pull gives: a chunk, nothing (None), or an error."""

    streams: list[FakeInfo] = field(default_factory=lambda: [FakeInfo()])
    script: list[Chunk | Exception | None] = field(default_factory=list)
    opens: bool = True
    answers: bool = True  # whether a stream that is asked for by its uid answers
    clock: VirtualClock = field(default_factory=VirtualClock)
    stop: threading.Event = field(default_factory=threading.Event)
    asked: list[str] = field(default_factory=list)  # predicates, in order
    inlets: list[weakref.ref[_FakeInlet]] = field(default_factory=list)  # every one that was made
    cf_string: int = 3

    @property
    def util(self) -> Any:
        return SimpleNamespace(TimeoutError=FakeTimeoutError, LostError=FakeLostError)

    def ContinuousResolver(self, pred: str) -> Any:
        self.asked.append(pred)
        found = self.streams if self.answers or not pred.startswith("uid") else []
        return SimpleNamespace(results=lambda: found)

    def StreamInlet(self, info: FakeInfo, *, max_buflen: int, recover: bool) -> _FakeInlet:
        assert not recover, "liblsl must not recover silently"
        inlet = _FakeInlet(self, info)
        self.inlets.append(weakref.ref(inlet))
        return inlet

    def listen(self, **config: Any) -> tuple[Listener, list[Sample]]:
        """A listener and the list its samples go to; its script ends with a stop."""
        samples: list[Sample] = []
        given = {"stream": "body", "channels": {"heart_rate": [0]}, **config}
        return Listener(LslInletConfig(**given), self.clock.now_ns, samples.extend, self.stop), samples


class _FakeInlet:
    def __init__(self, lsl: FakeLsl, info: FakeInfo) -> None:
        self._lsl = lsl
        self._info = info

    def open_stream(self, timeout: float) -> None:
        if not self._lsl.opens:
            self._lsl.clock.advance(round(timeout * NS))
            raise FakeTimeoutError("the operation failed due to a timeout.")

    def info(self, timeout: float) -> FakeInfo:
        return self._info

    def pull_chunk(self, timeout: float, max_samples: int, *, min_samples: int) -> Chunk:
        if not self._lsl.script:
            self._lsl.stop.set()
            return [], []
        now = self._lsl.script.pop(0)
        if isinstance(now, Exception):
            raise type(now)(*now.args)  # a new one: `now` in its own traceback would be a cycle that keeps us alive
        if now is None:
            self._lsl.clock.advance(round(timeout * NS))
            return [], []
        return now
