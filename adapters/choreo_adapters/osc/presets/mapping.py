"""Addresses of an app nobody here knows, as the user describes them in the configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from choreo_adapters.osc.presets.layout import AxisRoute, Layout, Route

ADDRESS_PATTERN: Final = r"^/[^\s#*,?\[\]{}]{1,127}$"  # what the decoder lets through; no placeholders
MAPPED: Final = "map"  # what telemetry calls this layout

Unit = Literal["m/s^2", "g", "rad/s", "deg/s", "bpm", "0..1"]

# stream -> (its width, the units it may come in, the first where none is given)
STREAM_UNITS: Final[Mapping[str, tuple[int, tuple[str, ...]]]] = {
    "acceleration": (3, ("m/s^2", "g")),
    "linear_acceleration": (3, ("m/s^2", "g")),
    "gravity": (3, ("m/s^2", "g")),
    "rotation_rate": (3, ("rad/s", "deg/s")),
    "heart_rate": (1, ("bpm",)),
    "context": (1, ("0..1",)),
}


class MappedAddress(BaseModel):
    """What the numbers of one address mean."""

    model_config = ConfigDict(extra="forbid")

    stream: Literal["acceleration", "linear_acceleration", "gravity", "rotation_rate", "heart_rate", "context"] = Field(
        description="acceleration contains gravity, linear_acceleration doesn't"
    )
    unit: Unit | None = Field(default=None, description="left out: the SI unit of the stream")
    args: tuple[int, ...] | None = Field(default=None, description="which numbers, from 0; left out: the first ones")
    sign: Literal[1, -1] = Field(default=1, description="-1 for axes of iOS, which count the other way round")
    per_axis: bool = Field(default=False, description="three messages, to the address with /x, /y and /z added")

    @model_validator(mode="after")
    def _fits_the_stream(self) -> MappedAddress:
        width, units = STREAM_UNITS[self.stream]
        if self.unit is not None and self.unit not in units:
            raise ValueError(f"{self.stream} comes in {' or '.join(units)}, not in {self.unit}")
        if self.args is not None and (len(self.args) != width or not all(0 <= i < 64 for i in self.args)):
            raise ValueError(f"{self.stream} takes {width} arguments between 0 and 63, found {list(self.args)}")
        if self.per_axis and (width != 3 or self.args is not None):
            raise ValueError("per_axis is for streams of three values, each alone in its message; leave args out")
        return self


def mapped_layout(mapping: Mapping[str, MappedAddress]) -> Layout:
    """The user's own layout."""
    whole = {address: entry for address, entry in mapping.items() if not entry.per_axis}
    return Layout(
        name=MAPPED,
        app="as the configuration says",
        about="addresses mapped by the user",
        silence_means_unchanged=False,
        bundled=False,
        fill=(),
        routes=tuple(_route(address, entry) for address, entry in whole.items()),
        axes=tuple(
            AxisRoute(address, entry.stream, _unit(entry), float(entry.sign))
            for address, entry in mapping.items()
            if entry.per_axis
        ),
    )


def _route(address: str, entry: MappedAddress) -> Route:
    args = entry.args or tuple(range(STREAM_UNITS[entry.stream][0]))
    tags = "f" * (max(args) + 1)
    return Route(address, tags, entry.stream, _unit(entry), args=args, sign=float(entry.sign))


def _unit(entry: MappedAddress) -> str:
    return entry.unit or STREAM_UNITS[entry.stream][1][0]
