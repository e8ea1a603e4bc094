"""MIDI clock of another program through a helper process: `adapter` is the sensor, `child` the process.

This file is imported by the helper too and so must stay light.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from choreo_adapters.sensors.midi_clock.adapter import MidiClockIn

__all__ = ["MidiClockIn"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from choreo_adapters.sensors.midi_clock.adapter import MidiClockIn

    return MidiClockIn
