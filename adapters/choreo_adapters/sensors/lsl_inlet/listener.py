"""The thread's side: finds the stream, pulls from it and notices when it is gone.

liblsl recovers silently where it is allowed to, for ever and without a word, so it isn't allowed to. A sender that
dies closes its connection, which is told at once. One that hangs, or whose network goes, is only silent, as a sensor
that sends on change may be too: then the stream is looked for again, and who doesn't answer is gone.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from choreo_adapters.sensors.lsl_inlet.config import LslInletConfig, Route, find_routes
from choreo_adapters.sensors.lsl_inlet.handover import Sample
from choreo_adapters.sensors.lsl_inlet.spacing import Spacing
from choreo_service.clock import NS
from choreo_service.errors import AdapterConfigError, AdapterLost, ChoreoError

LOOK_S: Final = 0.05  # between two looks at what was found
STEP_S: Final = 0.2  # the longest any call waits: how soon a stop is noticed
OPEN_S: Final = 5.0  # a stream that answers, but can't be opened for so long, is lost
ANSWER_S: Final = 2.0  # time a silent stream has to answer a look-up
BUFFER_S: Final = 2  # what liblsl keeps for us: seconds, or hundreds of samples of an irregular stream
CHUNK: Final = 256  # samples pulled at once
MOST_CHANNELS: Final = 1024
FASTEST_HZ: Final = 1000.0


@dataclass(frozen=True, slots=True)
class Found:
    """The stream that is listened to."""

    name: str
    host: str
    rate_hz: float  # 0 for a stream without a rate
    matches: int  # streams that fit the description
    routes: tuple[Route, ...]

    def about(self) -> str:
        rate = f"{self.rate_hz:g} Hz" if self.rate_hz else "no fixed rate"
        others = f", first of {self.matches} that match" if self.matches > 1 else ""
        return f"{self.name} on {self.host}, {rate}{others}"


class Listener:
    """Listens until stopped. `found` and `silent` may be read from any thread."""

    def __init__(
        self,
        config: LslInletConfig,
        now_ns: Callable[[], int],
        put: Callable[[list[Sample]], None],
        stop: threading.Event,
    ) -> None:
        self._config = config
        self._now_ns = now_ns
        self._put = put
        self._stop = stop
        self.found: Found | None = None
        self.silent = False  # nothing has come for `silent_s`, but the stream answers, or has a moment left to

    def listen(self, load: Callable[[], Any]) -> None:
        """Load the library, find the stream and pull until `stop` is set.

        AdapterLost when the stream goes, AdapterConfigError when it isn't what the configuration says.
        """
        lsl = load()
        failure: ChoreoError | None = None
        try:
            info, matches = self._find(lsl)
            if info is not None:
                self._listen_to(lsl, info, matches)
        except RuntimeError as error:  # every error of pylsl is one
            failure = AdapterLost(f"lsl_inlet: stream {self._config.target()}: {error}")
        except ChoreoError as error:
            failure = error.with_traceback(None)
        finally:
            self.found, self.silent = None, False
        # Raised here, without a traceback that holds the inlet: it would stay open until the error is forgotten.
        if failure is not None:
            raise failure

    def _find(self, lsl: Any) -> tuple[Any, int]:
        """(the first stream that fits, how many do); (None, 0) when stopped before there was one."""
        finder = lsl.ContinuousResolver(pred=self._config.predicate())
        while not self._stop.is_set():
            if infos := finder.results():
                return min(infos, key=_rank), len(infos)
            self._stop.wait(LOOK_S)
        return None, 0

    def _listen_to(self, lsl: Any, info: Any, matches: int) -> None:
        _check(lsl, info)
        inlet = lsl.StreamInlet(info, max_buflen=BUFFER_S, recover=False)
        if not self._open(lsl, inlet):
            return
        labels = self._labels(inlet)
        routes = find_routes(self._config, labels, info.channel_count())
        self.found = Found(_plain(info.name()), _plain(info.hostname()), info.nominal_srate(), matches, routes)
        self._pull(lsl, inlet, info.uid())

    def _open(self, lsl: Any, inlet: Any) -> bool:
        """Whether the stream is open; False when stopped before. AdapterLost after OPEN_S."""
        until_ns = self._now_ns() + round(OPEN_S * NS)
        while not self._stop.is_set():
            with suppress(lsl.util.TimeoutError):
                inlet.open_stream(STEP_S)
                return True
            if self._now_ns() >= until_ns:
                raise AdapterLost(
                    f"lsl_inlet: stream {self._config.target()} is announced, but can't be opened",
                    fix="look whether its program hangs, or a firewall blocks TCP ports 16572 to 16604",
                )
        return False

    def _labels(self, inlet: Any) -> list[str | None]:
        """Channel names from the stream's description, which is fetched only where they are asked for."""
        return list(inlet.info(STEP_S * 2).get_channel_labels() or ()) if self._config.needs_labels else []

    def _pull(self, lsl: Any, inlet: Any, uid: str) -> None:
        spacing, silence = Spacing(), _Silence(lsl, uid, self._config, self._now_ns)
        while not self._stop.is_set():
            chunk, stamps = inlet.pull_chunk(STEP_S, CHUNK, min_samples=1)
            arrived_ns = self._now_ns()
            if not chunk:
                self.silent = silence.goes_on()
                continue
            silence.ends()
            self.silent = False
            times = [_ns(stamp) for stamp in stamps]
            self._put(
                [
                    Sample(values, time_ns, spacing.on_our_clock(time_ns, arrived_ns))
                    for values, time_ns in zip(chunk, times, strict=True)
                ]
            )


class _Silence:
    """Looks for a silent stream by its unique id; silence that nobody answers for is a loss."""

    def __init__(self, lsl: Any, uid: str, config: LslInletConfig, now_ns: Callable[[], int]) -> None:
        self._lsl = lsl
        self._uid = uid
        self._config = config
        self._now_ns = now_ns
        self._finder: Any = None
        self._since_ns = self._checked_ns = now_ns()

    def ends(self) -> None:
        self._finder = None
        self._since_ns = self._checked_ns = self._now_ns()

    def goes_on(self) -> bool:
        """Whether it is a long one. AdapterLost when the stream was asked and didn't answer."""
        now_ns, limit_ns = self._now_ns(), round(self._config.silent_s * NS)
        if self._finder is None and now_ns - self._checked_ns >= limit_ns:
            self._finder, self._checked_ns = self._lsl.ContinuousResolver(pred=f"uid='{self._uid}'"), now_ns
        elif self._finder is not None and self._finder.results():
            self._finder, self._checked_ns = None, now_ns
        elif self._finder is not None and now_ns - self._checked_ns >= ANSWER_S * NS:
            raise AdapterLost(
                f"lsl_inlet: stream {self._config.target()} sends nothing and doesn't answer",
                fix="look whether its program hangs, and whether its machine is still in the network",
            )
        return now_ns - self._since_ns >= limit_ns


def _check(lsl: Any, info: Any) -> None:
    """AdapterConfigError for a stream no sensor sends."""
    name, count, rate_hz = _plain(info.name()), info.channel_count(), info.nominal_srate()
    fix = "name another stream; `choreo devices` lists those there are"
    if info.channel_format() == lsl.cf_string:
        raise AdapterConfigError(f"lsl_inlet: stream {name} carries text, expected numbers", fix=fix)
    if count > MOST_CHANNELS or rate_hz > FASTEST_HZ:
        raise AdapterConfigError(
            f"lsl_inlet: stream {name} has {count} channels at {rate_hz:g} Hz; "
            f"expected at most {MOST_CHANNELS} at {FASTEST_HZ:g} Hz",
            fix=fix,
        )


def _rank(info: Any) -> tuple[str, str, str, str]:
    """The same choice at every start, whichever stream answers first."""
    return info.hostname(), info.name(), info.source_id(), info.uid()


def _ns(stamp_s: float) -> int | None:
    stamp_ns = stamp_s * NS
    return round(stamp_ns) if math.isfinite(stamp_ns) and abs(stamp_ns) < 2**63 else None


def _plain(text: str) -> str:
    """A stranger's text, short and printable."""
    return "".join(c if c.isprintable() else "?" for c in text[:60])
