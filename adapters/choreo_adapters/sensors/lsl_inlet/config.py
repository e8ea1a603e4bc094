"""Which LSL stream, and which of its channels mean what."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from choreo_service.errors import AdapterConfigError
from choreo_service.packets import STREAMS


class LslInletConfig(BaseModel):
    """At least one of `stream`, `stream_type` and `source_id` says which stream; all that are given must fit."""

    model_config = ConfigDict(extra="forbid")

    stream: str = Field(default="", description="the stream's name, as LSL tools show it")
    stream_type: str = Field(default="", description="the stream's LSL type, such as HeartRate or Accelerometer")
    source_id: str = Field(default="", description="the stream's source id, where two have one name")
    channels: dict[str, tuple[int | str, ...]] = Field(
        min_length=1, description="what the channels mean: acceleration: [0, 1, 2]; numbers from 0, or labels"
    )
    factors: dict[str, float] = Field(
        default={}, description="multiplies a quantity into its SI unit: acceleration: 9.80665 for a stream in g"
    )
    performer: int = Field(default=0, ge=0, le=63, description="whose body this is, from 0")
    silent_s: float = Field(
        default=2.0,
        ge=0.2,
        le=600,
        allow_inf_nan=False,
        description="silence after which the stream is looked for again, and is lost if nobody answers",
    )
    network: bool = Field(
        default=False, description="look beyond this machine, as far as LSL's own lsl_api.cfg lets it"
    )

    @field_validator("stream", "stream_type", "source_id")
    @classmethod
    def _can_be_asked_for(cls, text: str) -> str:
        if ("'" in text and '"' in text) or not text.isprintable():
            raise ValueError("expected printable text without both kinds of quotes")
        return text

    @field_validator("channels")
    @classmethod
    def _fits_the_streams(cls, channels: dict[str, tuple[int | str, ...]]) -> dict[str, tuple[int | str, ...]]:
        for name, chosen in channels.items():
            if name not in STREAMS:
                raise ValueError(f"unknown quantity {name!r}; known are {list(STREAMS)}")
            if len(chosen) != STREAMS[name].width:
                raise ValueError(f"{name} needs {STREAMS[name].width} channels, got {list(chosen)}")
            if negative := [c for c in chosen if isinstance(c, int) and c < 0]:
                raise ValueError(f"{name}: channels count from 0, got {negative}")
        return channels

    @field_validator("factors")
    @classmethod
    def _finite(cls, factors: dict[str, float]) -> dict[str, float]:
        if wrong := {n: f for n, f in factors.items() if not math.isfinite(f) or f == 0.0}:
            raise ValueError(f"expected finite factors other than 0, got {wrong}")
        return factors

    @model_validator(mode="after")
    def _complete(self) -> LslInletConfig:
        if not (self.stream or self.stream_type or self.source_id):
            raise ValueError("say which stream: `stream` (its name), `stream_type` or `source_id`")
        if unused := sorted(set(self.factors) - set(self.channels)):
            raise ValueError(f"factors for {unused}, which `channels` doesn't name")
        return self

    def predicate(self) -> str:
        """The XPath predicate LSL is asked with."""
        wanted = {"name": self.stream, "type": self.stream_type, "source_id": self.source_id}
        return " and ".join(f"{key}={_quoted(text)}" for key, text in wanted.items() if text)

    def target(self) -> str:
        """The wanted stream for people to read."""
        named = {"": self.stream, "type ": self.stream_type, "source id ": self.source_id}
        return ", ".join(f"{label}{text}" for label, text in named.items() if text)

    @property
    def needs_labels(self) -> bool:
        return any(isinstance(channel, str) for chosen in self.channels.values() for channel in chosen)


@dataclass(frozen=True, slots=True)
class Route:
    """One raw quantity and the channels it comes from."""

    stream: str  # key of packets.STREAMS
    channels: tuple[int, ...]  # as many as the stream is wide
    factor: float  # to the stream's SI unit

    def values(self, sample: Sequence[float]) -> tuple[float, ...]:
        return tuple(sample[channel] * self.factor for channel in self.channels)


def find_routes(config: LslInletConfig, labels: Sequence[str | None], count: int) -> tuple[Route, ...]:
    """The routes for a stream of `count` channels; `labels` are its channel names, empty where it has none.

    AdapterConfigError names the channels that aren't there.
    """
    places: dict[str, int] = {}  # where two channels have one label, the first is meant
    for place, label in enumerate(labels):
        if label:
            places.setdefault(label, place)
    absent = [c for chosen in config.channels.values() for c in chosen if _place(c, places, count) is None]
    if absent:
        known = f", labels {', '.join(places)}" if places else ""
        raise AdapterConfigError(
            f"lsl_inlet: stream {config.target()} has no channels {absent}; it has {count} (0 to {count - 1}){known}",
            fix="correct `channels` in the sensor's block",
        )
    return tuple(
        Route(stream, tuple(p for c in chosen if (p := _place(c, places, count)) is not None), _factor(config, stream))
        for stream, chosen in config.channels.items()
    )


def _place(channel: int | str, places: dict[str, int], count: int) -> int | None:
    if isinstance(channel, str):
        return places.get(channel)
    return channel if channel < count else None


def _factor(config: LslInletConfig, stream: str) -> float:
    return config.factors.get(stream, 1.0)


def _quoted(text: str) -> str:
    return f'"{text}"' if "'" in text else f"'{text}'"
