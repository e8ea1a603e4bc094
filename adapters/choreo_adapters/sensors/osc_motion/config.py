"""The settings of the OSC motion sensor."""

from __future__ import annotations

import ipaddress
import math
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from choreo_adapters.osc.presets.mapping import ADDRESS_PATTERN, MappedAddress


class OscMotionConfig(BaseModel):
    """Where to listen, whom to hear, and who is who."""

    model_config = ConfigDict(extra="forbid")

    host: str = Field(default="127.0.0.1", description="address to listen on; the laptop's own LAN address for phones")
    port: int = Field(default=9000, ge=0, le=65535, description="UDP port; 0 takes any free one")
    layout: Literal[
        "auto", "choreo", "comote", "gyrosc", "sensors2osc", "zigsim", "touchosc", "oschook", "rime", "tdlidar"
    ] = Field(
        default="auto", description="which app sends; auto knows them all, and the bodies of VMC and VRChat trackers"
    )
    map: dict[Annotated[str, StringConstraints(pattern=ADDRESS_PATTERN)], MappedAddress] = Field(
        default={},
        max_length=64,
        description='what addresses no layout knows mean: {"/my/acc": {stream: acceleration, unit: g}}; also args, '
        "sign and per_axis",
    )
    hip_tracker: int = Field(default=1, ge=1, le=8, description="which VRChat tracker is on the hips; SlimeVR: 1")
    left_tracker: int = Field(
        default=2, ge=1, le=8, description="which one is on the left limb; SlimeVR's left foot: 2"
    )
    right_tracker: int = Field(default=3, ge=1, le=8, description="and on the right one; SlimeVR's right foot: 3")
    announce: bool = Field(
        default=True,
        description="list the port in the network (mDNS, _osc._udp) when it is heard there; needs the [discover] extra",
    )
    allow: tuple[str, ...] = Field(default=(), description="source addresses to hear; empty hears everyone")
    # Four streams at 100 Hz are 400 messages a second; at 200 Hz with everything switched on, apps reach 1000. A whole
    # body in VMC, 55 bones and as many face shapes at 60 Hz, looks like a flood: who dances in one raises the limit.
    rate_limit_hz: float = Field(
        default=1000.0,
        gt=0,
        le=20_000,
        allow_inf_nan=False,
        description="messages per second accepted from one source; a whole body in VMC needs 8000",
    )
    burst: int = Field(
        default=500, ge=1, le=20_000, description="messages accepted at once, as after a Wi-Fi pause of 0.5 s"
    )
    performers: int = Field(default=1, ge=1, le=64, description="how many performers are seated; all when left out")
    assign: dict[str, int] = Field(
        default={}, description="performer (from 0) of a source: its address, its device name, or address:name"
    )
    limbs: dict[str, Literal["left", "right"]] = Field(
        default={},
        description="the limb a source is worn on, named as in `assign`; one phone on each gives true symmetry",
    )
    release_after_s: float = Field(
        default=10.0,
        gt=0,
        allow_inf_nan=False,
        description="silence after which another device may take the performer over",
    )

    @field_validator("host")
    @classmethod
    def _literal_host(cls, host: str) -> str:
        # Names are not resolved: a look-up can block for seconds, on stage without a network for many.
        return str(ipaddress.ip_address("127.0.0.1" if host == "localhost" else host))

    @field_validator("allow")
    @classmethod
    def _literal_sources(cls, allow: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(str(ipaddress.ip_address(source)) for source in allow)

    @model_validator(mode="after")
    def _known_performers(self) -> OscMotionConfig:
        # Left out, `performers` is the service's own number, which isn't known here.
        known = self.performers if "performers" in self.model_fields_set else math.inf
        wrong = {source: p for source, p in self.assign.items() if not 0 <= p < known}
        if wrong:
            raise ValueError(f"assign names performers {wrong}, expected 0..{self.performers - 1} (set `performers`)")
        return self
