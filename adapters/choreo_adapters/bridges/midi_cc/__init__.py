"""MIDI control changes, and accents as notes on a port of their own, through a child process each.

rtmidi can freeze its process while holding the interpreter lock (a JACK server that died or was stopped), or take it
down (a message sent after close). So it lives in a child: `bridge`, `notes` and `clock` are the adapters, `output` what
they share and `link` its end of the pipe; `child` and `clock_child` are the other processes, `player` what they share,
`records` what travels between. This file is imported by the children too and so must stay light.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from choreo_adapters.bridges.midi_cc.bridge import MidiCc
    from choreo_adapters.bridges.midi_cc.notes import MidiNotes

__all__ = ["MidiCc", "MidiNotes"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from choreo_adapters.bridges.midi_cc import bridge, notes

    return bridge.MidiCc if name == "MidiCc" else notes.MidiNotes
