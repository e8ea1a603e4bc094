"""Knobs, pads and keys of MIDI controllers that ask for commands, bound by moving them: `door` is the adapter,
`bindings` what was learnt, `child` the helper process that listens to every controller there is.

This file is imported by the helper too and so must stay light.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from choreo_adapters.doors.midi_learn.door import MidiLearn

__all__ = ["MidiLearn"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from choreo_adapters.doors.midi_learn.door import MidiLearn

    return MidiLearn
