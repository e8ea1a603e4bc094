"""A Bluetooth heart-rate strap through a helper process.

bleak and the D-Bus behind it can hang, leak and die silently. So they live in a helper: `adapter` is the sensor,
`config` its settings, `pulse` decides which notifications become samples, `measurement` reads their bytes; `child` is
the other process, `strap` the only module that talks to bleak, `systems` what differs between operating systems. This
file is imported by the helper too and so must stay light.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from choreo_adapters.sensors.ble_heart.adapter import BleHeart, Strap, scan_straps

__all__ = ["BleHeart", "Strap", "scan_straps"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from choreo_adapters.sensors.ble_heart import adapter

    return getattr(adapter, name)
