"""Samples in SI units become the datagrams of a phone app, from the same tables the receiver reads them with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from pythonosc.osc_bundle_builder import IMMEDIATELY, OscBundleBuilder
from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import OscMessageBuilder

from choreo_adapters.osc.presets import TIME_UNITS_NS, Layout, Route
from choreo_service.errors import ConfigError

Values = Sequence[float]


class PhoneEncoder:
    """One phone with one app. `streams` are those of the take; `rate_hz` gives their rates, which some apps send along.

    An app that sends acceleration apart from gravity, or the two together, is served from a take that has it the other
    way round: acceleration = linear_acceleration + gravity, by the newest gravity heard.
    ConfigError when the app can send nothing of the take.
    """

    def __init__(self, layout: Layout, streams: Iterable[str], rate_hz: Mapping[str, float] | None = None) -> None:
        there = set(streams)
        self.layout = layout
        self.sends = {s: _source(s, there) for s in layout.streams() if _source(s, there)}  # stream -> how it is made
        self.left_out = tuple(sorted(there - set(self.sends) - {p for parts in self.sends.values() for p in parts}))
        if not self.sends:
            has = ", ".join(sorted(there)) or "nothing"
            raise ConfigError(
                f"{layout.app} sends {', '.join(layout.streams())}; the take has {has}",
                fix="choose another app with --as (choreo and sensors2osc send most), or another take",
            )
        self._rate_hz = dict(rate_hz or {})
        self._gravity: tuple[float, ...] | None = None
        self._last: dict[str, tuple[float, ...]] = {}

    def datagrams(self, samples: Mapping[str, Values], t_ns: int) -> list[bytes]:
        """What the app sends for samples of one moment; `t_ns` is its own clock. Empty when it would keep silent."""
        ready = self._ready(samples)
        if self.layout.silence_means_unchanged:
            ready = {s: v for s, v in ready.items() if self._last.get(s) != v}
            self._last |= ready
        messages = [self._message(routes, ready, t_ns) for routes in self._routes(ready)]
        if not self.layout.bundled or not messages:
            return [message.dgram for message in messages]
        bundle = OscBundleBuilder(IMMEDIATELY)
        for message in messages:
            bundle.add_content(message)
        return [bundle.build().dgram]

    def _ready(self, samples: Mapping[str, Values]) -> dict[str, tuple[float, ...]]:
        if "gravity" in samples:
            self._gravity = tuple(samples["gravity"])
        ready: dict[str, tuple[float, ...]] = {}
        for stream, parts in self.sends.items():
            if parts[0] not in samples:
                continue
            values = tuple(samples[parts[0]])
            if len(parts) == 1:
                ready[stream] = values
            elif self._gravity is not None:
                sign = _GRAVITY_SIGN[stream]
                ready[stream] = tuple(v + sign * g for v, g in zip(values, self._gravity, strict=True))
        return ready

    def _routes(self, ready: Mapping[str, Values]) -> list[list[Route]]:
        """The routes to send, those of one message together. An address with several streams needs all of them now."""
        waiting = set(ready)
        chosen: list[list[Route]] = []
        for address in dict.fromkeys(route.address for route in self.layout.routes):
            routes = [route for route in self.layout.routes if route.address == address]
            streams = {route.stream for route in routes}
            if streams <= waiting:
                chosen.append(routes)
                waiting -= {route.stream for route in routes if route.stream}
        return chosen

    def _message(self, routes: Sequence[Route], ready: Mapping[str, Values], t_ns: int) -> OscMessage:
        first = routes[0]
        # CoMote ends its messages with the rate; it is the one argument that is neither value nor time.
        arguments = [self._rate_hz.get(first.stream or "", 0.0)] * len(first.typetags)
        for route in routes:
            for i, value in zip(route.args, ready[route.stream or ""], strict=True):
                arguments[i] = value / route.scale
            if route.time_arg is not None:
                arguments[route.time_arg] = t_ns / TIME_UNITS_NS[route.time_unit]
        builder = OscMessageBuilder(self.layout.address(first))
        for value, tag in zip(arguments, first.typetags, strict=True):
            builder.add_arg(_int32(value) if tag == "i" else value, tag)
        return builder.build()


_GRAVITY_SIGN: Final = {"acceleration": 1.0, "linear_acceleration": -1.0}
_OTHER: Final = {"acceleration": "linear_acceleration", "linear_acceleration": "acceleration"}


def _source(stream: str, there: set[str]) -> tuple[str, ...]:
    """Which streams of the take `stream` is made of: itself, or its counterpart and gravity; empty when it can't be."""
    if stream in there:
        return (stream,)
    if stream in _OTHER and {_OTHER[stream], "gravity"} <= there:
        return (_OTHER[stream], "gravity")
    return ()


def _int32(value: float) -> int:
    """Milliseconds wrap after 24 days, as they do in the apps."""
    return round(value) % (1 << 31)
