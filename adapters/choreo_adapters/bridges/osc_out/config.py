"""What the OSC bridge accepts as configuration."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from choreo_service.packets import ACCENT, CONTROL_NAMES

Layout = Literal["separate", "bundle", "wekinator", "n_set"]

SUPERCOLLIDER_PORT: Final = 57120
DEFAULT_PORTS: Final = {"wekinator": 12000, "n_set": 57110}


class OscOutConfig(BaseModel):
    """Where the controls go and how they are packed."""

    model_config = ConfigDict(extra="forbid")

    host: str = Field(default="127.0.0.1", min_length=1)
    layout: Layout = "separate"
    """separate: a message per control; bundle: one bundle a tick; wekinator: one `/wek/outputs` a tick; n_set: one
    `/n_set` a tick, scsynth's own word."""
    port: int = Field(
        default_factory=lambda known: DEFAULT_PORTS.get(known.get("layout", ""), SUPERCOLLIDER_PORT), ge=1, le=65535
    )
    prefix: str = "/choreo"
    addresses: dict[str, str] = {}
    """Control name, or `accent`, -> OSC address, for receivers with names of their own; performers after the first get
    /<n> added."""
    accents: bool = True
    """Hits, jolts and stamps as `/choreo/accent strength`, 0..1, each at once. Never in the layouts wekinator and
    n_set, whose receivers know no such word."""
    node: int = Field(default=1000, ge=0, le=2**31 - 65)
    """n_set: the synth (or group) that is set; performer n is node + n."""
    names: dict[str, str] = {}
    """n_set: control name -> the SynthDef's own name for it; controls left out keep theirs."""
    schedule_ahead_ms: float = Field(default=0.0, ge=0, le=1000)
    """Sends bundles for this much later than their tick; SuperCollider plays them then, to a tenth of a millisecond."""

    @field_validator("prefix")
    @classmethod
    def _check_prefix(cls, prefix: str) -> str:
        return _checked_address(prefix)

    @field_validator("addresses")
    @classmethod
    def _check_addresses(cls, addresses: dict[str, str]) -> dict[str, str]:
        _check_names(addresses, (*CONTROL_NAMES, ACCENT))
        return {name: _checked_address(address) for name, address in addresses.items()}

    @field_validator("names")
    @classmethod
    def _check_names(cls, names: dict[str, str]) -> dict[str, str]:
        _check_names(names, CONTROL_NAMES)
        for name in names.values():
            if not (name.isascii() and name.isidentifier()):
                raise ValueError(f"{name!r:.40} is no SynthDef control; expected like cutoff")
        return names

    @model_validator(mode="after")
    def _names_are_for_n_set(self) -> Self:
        fields = type(self).model_fields
        unused = [name for name in ("node", "names") if getattr(self, name) != fields[name].default]
        if self.layout != "n_set" and unused:
            raise ValueError(f"{' and '.join(unused)} mean something with layout: n_set only")
        return self


def _check_names(given: Iterable[str], known: Sequence[str]) -> None:
    if unknown := sorted(set(given) - set(known)):
        raise ValueError(f"unknown controls {unknown}; known are {list(known)}")


def _checked_address(address: str) -> str:
    """`address` without a trailing slash; ValueError unless it is a plain OSC 1.0 address."""
    plain = address.isascii() and address.isprintable() and not set(address) & set(" #*,?[]{}")
    if not (plain and address.startswith("/") and address.strip("/")):
        raise ValueError(f"{address!r} is no OSC address; expected like /synth/cutoff, without spaces or #*,?[]{{}}")
    return address.rstrip("/")
