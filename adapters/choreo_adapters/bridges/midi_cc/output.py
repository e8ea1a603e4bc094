"""A bridge that plays on a MIDI port: records go to the helper process, and never wait for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from choreo_adapters.bridges.midi_cc.link import ChildLink
from choreo_adapters.midi.port import PortAdapter


class MidiOutput(PortAdapter):
    """The base of midi_cc, midi_notes and midi_clock."""

    CHILD = "choreo_adapters.bridges.midi_cc.child"
    HINTS: ClassVar[Mapping[str, str]] = {
        "no-midi": "start JACK, or load ALSA's sequencer (sudo modprobe snd-seq; in a container --device /dev/snd), "
        "or play over WebSocket: -o bridges.{name}.type=midi_ws",
        "lost": "start the synth, or choose another port: choreo devices, then -o bridges.{name}.port=NAME",
    }

    _link: ChildLink | None

    def _make_link(self) -> ChildLink:
        return ChildLink(self._command(), self._note, self._clock)

    def _write(self, records: bytes) -> bool:
        """True when the helper will get them."""
        return self._link is not None and self._link.write(records)

    def _from_child(self, *names: str) -> dict[str, int]:
        """What the helper counts, for health()."""
        return {f"child_{name}": self._report.get(name, 0) for name in names}
