"""Settings of the heart-rate strap."""

from __future__ import annotations

from typing import Final

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

_MAC: Final = r"([0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}"
_UUID: Final = r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"


class BleHeartConfig(BaseModel):
    """Which strap, whose heart, and how long to be patient."""

    model_config = ConfigDict(extra="forbid")

    name: str | None = Field(
        default=None, min_length=1, max_length=64, description="a part of the strap's name; without it any strap"
    )
    address: str | None = Field(
        default=None,
        pattern=f"^({_MAC}|{_UUID})$",
        description="the strap's Bluetooth address; on macOS the UUID that `scan_straps` shows",
    )
    performer: int = Field(default=0, ge=0, le=63, description="whose heart it is, from 0")
    radio: str | None = Field(
        default=None, pattern=r"^hci[0-9]{1,3}$", description="Bluetooth adapter on Linux; the first one when left out"
    )
    scan_s: float = Field(
        default=10.0, ge=0.5, le=60.0, description="silence after which a strap is called absent; the search goes on"
    )
    connect_s: float = Field(
        default=10.0, ge=0.5, le=60.0, description="longest wait for a connection; a first one takes several seconds"
    )
    silent_s: float = Field(
        default=5.0, ge=0.5, le=60.0, description="silence of a connected strap after which it is connected anew"
    )

    @field_validator("address")
    @classmethod
    def _one_spelling(cls, address: str | None) -> str | None:
        return None if address is None else address.upper()

    @model_validator(mode="after")
    def _one_way_to_choose(self) -> BleHeartConfig:
        if self.name and self.address:
            raise ValueError("`name` and `address` are both set; one of them chooses the strap")
        return self
