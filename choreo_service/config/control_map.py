"""The control map: how each of the five controls stands on the wire. One YAML file, kept per piece or rig."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from choreo_service.config.settings import Block
from choreo_service.packets import CONTROL_NAMES, CONTROLS
from choreo_service.protocols import ControlWire

Curve = Literal["linear", "exponential", "s-curve"]
Position = Annotated[float, Field(ge=0, le=1)]

FIRST_CC = 20  # CC 20-31 are undefined in the MIDI 1.0 table, so nothing else listens to them by default
TEMPO_RANGE = (0.88, 1.12)  # a dancer can follow and lead twelve per cent of tempo without falling out of step


class Ease(Block):
    """How a control glides to a new value."""

    curve: Curve = "linear"
    """Shape of the glide."""
    ms: float = Field(default=0.0, ge=0, le=10_000)
    """Length of the glide; it adds to the latency of this control."""


class ControlSpec(Block):
    """One control. Order of work: curve, invert, clamp, then the range `min`..`max`."""

    min: float
    """Value on the wire at position 0, in the receiver's units."""
    max: float
    """Value on the wire at position 1; larger than `min`."""
    cc: int = Field(ge=0, le=127)
    """MIDI controller number."""
    channel: int = Field(default=1, ge=1, le=16)
    """MIDI channel, counted from 1."""
    curve: Curve = "linear"
    """How the engine's position bends before it is sent."""
    invert: bool = False
    """Send `max` where `min` would be sent."""
    clamp: Annotated[tuple[Position, Position], Field(strict=False)] = (0.0, 1.0)
    """Lowest and highest position ever sent."""
    ease: Ease = Ease()
    """Glide to new values."""
    throttle_ms: float | None = Field(default=None, ge=20, le=50)
    """Overrides `output.throttle_ms` for this control."""
    change_threshold: Position | None = None
    """Overrides `output.change_threshold` for this control."""
    neutral: Position
    """Position sent (after curve and invert) when the service comes to rest; inside `clamp`."""
    safe: Position
    """Position sent (after curve and invert) at panic; inside `clamp`."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.min >= self.max:
            raise ValueError(
                f"min {self.min:g} must be smaller than max {self.max:g}; to turn a control round write invert: true"
            )
        low, high = self.clamp
        if low >= high:
            raise ValueError(f"clamp [{low:g}, {high:g}] must rise: the first number smaller than the second")
        for name, position in (("neutral", self.neutral), ("safe", self.safe)):
            if not low <= position <= high:
                raise ValueError(f"{name} {position:g} lies outside clamp [{low:g}, {high:g}]")
        return self

    def value(self, position: float) -> float:
        """The receiver's value at a position 0..1 of the range (no curve, no invert, no clamp)."""
        return self.min + position * (self.max - self.min)

    def wire(self, name: str) -> ControlWire:
        """What a bridge is told about this control."""
        return ControlWire(
            name=name,
            lo=self.min,
            hi=self.max,
            cc=self.cc,
            channel=self.channel,
            neutral=self.value(self.neutral),
            safe=self.value(self.safe),
        )


class ControlMap(Block):
    """All five controls. Keys left out of one take the control table's values (neutral and safe inside `clamp`)."""

    tempo_scale: ControlSpec
    """How much faster or slower than `transport.home_bpm` the music goes."""
    density: ControlSpec
    """How many notes."""
    tension: ControlSpec
    """How far from rest the harmony is."""
    brightness: ControlSpec
    """How open the filters are."""
    fx_send: ControlSpec
    """How much goes to the effects."""

    @model_validator(mode="before")
    @classmethod
    def _filled(cls, data: Any) -> Any:
        if not isinstance(data, Mapping):
            return data
        return {name: _with_defaults(name, spec) for name, spec in data.items()}

    @model_validator(mode="after")
    def _addresses_differ(self) -> Self:
        seen: dict[tuple[int, int], str] = {}
        for name, spec in self.items():
            address = (spec.channel, spec.cc)
            if address in seen:
                raise ValueError(
                    f"{seen[address]} and {name} both use CC {spec.cc} on channel {spec.channel}; give one another cc"
                )
            seen[address] = name
        return self

    def __getitem__(self, name: str) -> ControlSpec:
        if name not in CONTROLS:
            raise KeyError(name)
        spec: ControlSpec = getattr(self, name)
        return spec

    def items(self) -> Iterator[tuple[str, ControlSpec]]:
        """The controls in the order they have everywhere."""
        return ((name, self[name]) for name in CONTROL_NAMES)

    def wires(self) -> dict[str, ControlWire]:
        """What the bridges are told, by name, in order."""
        return {name: spec.wire(name) for name, spec in self.items()}


def default_spec(name: str) -> dict[str, Any]:
    """The keys of one control that a file may leave out, with their values."""
    low, high = TEMPO_RANGE if name == "tempo_scale" else (0.0, 1.0)
    control = CONTROLS[name]
    return {
        "min": low,
        "max": high,
        "cc": FIRST_CC + CONTROL_NAMES.index(name),
        "neutral": control.neutral,
        "safe": control.safe,
    }


def _with_defaults(name: str, spec: Any) -> Any:
    if name not in CONTROLS or not (spec is None or isinstance(spec, Mapping)):
        return spec
    defaults = default_spec(name)
    given = dict(spec or {})
    match given.get("clamp"):
        case [int() | float() as low, int() | float() as high] if low < high:
            defaults |= {key: min(high, max(low, defaults[key])) for key in ("neutral", "safe")}
    return defaults | given
