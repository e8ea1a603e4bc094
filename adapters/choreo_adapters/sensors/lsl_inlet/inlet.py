"""The loop's side of the LSL sensor: emits what the listening thread hands over."""

from __future__ import annotations

import asyncio
import math
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, ClassVar, Final

from pydantic import BaseModel

from choreo_adapters.lsl import LIBRARY
from choreo_adapters.sensors.lsl_inlet.config import LslInletConfig
from choreo_adapters.sensors.lsl_inlet.handover import Handover, Sample
from choreo_adapters.sensors.lsl_inlet.listener import Listener
from choreo_service.clock import Clock
from choreo_service.errors import AdapterConfigError
from choreo_service.protocols import Emit

STOP_S: Final = 0.8  # the thread notices a stop within 0.4 s
LISTING_S: Final = 1.0


class LslInlet:
    """Emits one LSL stream of numbers as one performer's raw samples.

    `source_ns` is LSL's stamp, on the sender's clock; `rx_ns` the same on ours. States: closed, looking, receiving,
    silent (a stream with a rate sends nothing, though its program answers), lost (gone; the service looks again).
    """

    Config: ClassVar[type[BaseModel]] = LslInletConfig

    def __init__(self, config: LslInletConfig, emit: Emit, clock: Clock) -> None:
        self._config = config
        self._emit = emit
        self._clock = clock
        self._library = LIBRARY
        self._listener: Listener | None = None
        self._samples = 0
        self._refused: Counter[str] = Counter()
        self._gone = ""  # why the last stream went

    async def run(self) -> None:
        """Look for the stream, for as long as it takes, and emit until cancelled.

        AdapterLost when the stream goes; AdapterConfigError without pylsl, or when the stream isn't as configured.
        """
        stop, loop = threading.Event(), asyncio.get_running_loop()
        handover = Handover(loop, self._on_sample, self._on_lost)
        listener = self._listener = Listener(self._config, self._clock.now_ns, handover.put, stop)
        load = partial(self._library.load, "lsl_inlet", network=self._config.network)
        executor = ThreadPoolExecutor(1, "lsl_inlet")
        listening = loop.run_in_executor(executor, listener.listen, load)
        executor.shutdown(wait=False)  # its thread ends with the one task it has
        try:
            await asyncio.wait([listening])  # unlike a plain await, leaves the thread its task when cancelled
            listening.result()
        except Exception as error:
            self._gone = str(error).splitlines()[0]
            raise
        finally:
            stop.set()
            handover.close()
            self._listener = None
            await asyncio.wait([listening], timeout=STOP_S)
            _look_at(listening)

    def health(self) -> Mapping[str, Any]:
        """Facts for telemetry; `samples` counts what came over LSL, `rejected` what wasn't emitted, by cause."""
        facts = {"target": self._config.target(), "samples": self._samples, "rejected": dict(self._refused)}
        return {**self._situation(), **facts}

    @classmethod
    def describe(cls) -> Sequence[Mapping[str, str]]:
        """Streams of numbers on this machine as {kind, name, type, channels, rate, source_id}. Blocks for LISTING_S."""
        try:
            lsl = LIBRARY.load("lsl_inlet", network=False)
        except AdapterConfigError as error:
            return ({"kind": "lsl stream", "name": "", "reason": f"{error.problem}: {error.fix}"},)
        infos = (info for info in lsl.resolve_streams(LISTING_S) if info.channel_format() != lsl.cf_string)
        return tuple(_described(info) for info in infos)

    def _situation(self) -> Mapping[str, str]:
        listener = self._listener
        if listener is None:
            return {"state": "lost" if self._gone else "closed", "reason": self._gone}
        found = listener.found
        if found is None:
            return {"state": "looking", "reason": self._gone, "hint": _HINT}
        if listener.silent and found.rate_hz:
            return {"state": "silent", "detail": found.about(), "reason": "the stream sends nothing"}
        return {"state": "receiving", "detail": found.about()}

    def _on_sample(self, sample: Sample) -> None:
        found = self._listener.found if self._listener is not None else None
        if found is None:  # lost while its last samples were on their way
            return
        self._samples += 1
        self._gone = ""
        for route in found.routes:
            values = route.values(sample.values)
            if all(map(math.isfinite, values)):
                self._emit(
                    route.stream,
                    values,
                    performer=self._config.performer,
                    source=found.name,
                    rx_ns=sample.rx_ns,
                    source_ns=sample.stamp_ns,
                )
            else:
                self._refuse("not finite", found.name)

    def _on_lost(self, count: int) -> None:
        self._refuse("overflow", "", count)

    def _refuse(self, cause: str, source: str, count: int = 1) -> None:
        self._refused[cause] += count
        self._emit.rejected(cause, source=source, count=count)


_HINT: Final = "start the stream's program; `choreo devices` lists the streams there are"


def _look_at(listening: asyncio.Future[None]) -> None:
    """Asyncio complains about an exception nobody looked at; after a cancellation nobody needs to."""
    if listening.done() and not listening.cancelled():
        listening.exception()


def _described(info: Any) -> dict[str, str]:
    return {
        "kind": "lsl stream",
        "name": info.name(),
        "type": info.type(),
        "channels": str(info.channel_count()),
        "rate": f"{info.nominal_srate():g} Hz",
        "source_id": info.source_id(),
    }
