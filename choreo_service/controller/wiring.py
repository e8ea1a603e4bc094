"""The wires as the bridges read them, positions in their ranges, and the way from one map's ranges to the next one's.

The controller and all bridges share one mapping. A new range is glided to, so that a receiver of plain values (OSC)
sees no leap, while one of shares of the range (MIDI) sees nothing at all; a MIDI address changes at once.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import replace

from choreo_service.packets import CONTROL_NAMES, ControlPacket
from choreo_service.protocols import ControlWire


class Wiring:
    """`now` is changed in place, between ticks only."""

    def __init__(self, now: MutableMapping[str, ControlWire]) -> None:
        self.now = now
        self._from: Mapping[str, ControlWire] = {}
        self._to: Mapping[str, ControlWire] = {}
        self._gone_ns = self._whole_ns = 0

    def packet(self, k: int, t_ns: int, performer: int, positions: Sequence[float], *, held: bool) -> ControlPacket:
        """Positions [5], 0..1, as values of the wires' ranges."""
        wires = (self.now[name] for name in CONTROL_NAMES)
        values = [w.lo + x * (w.hi - w.lo) for w, x in zip(wires, positions, strict=True)]
        return ControlPacket.of(k, t_ns, performer, values, held=held)

    def positions(self, packet: ControlPacket) -> list[float]:
        """The packet's values as positions [5], 0..1 of the wires' ranges."""
        return [self.now[name].position(value) for name, value in zip(CONTROL_NAMES, packet.as_tuple(), strict=True)]

    def change(self, wires: Mapping[str, ControlWire], glide_ns: int) -> None:
        """Glide to these from wherever the wires are."""
        self._from, self._to = dict(self.now), wires
        self._gone_ns, self._whole_ns = 0, glide_ns
        self._place(0.0)

    def advance(self, dt_ns: int) -> list[str]:
        """Let time pass; the controls whose value is another now though they stand where they stood."""
        if not self._to:
            return []
        self._gone_ns += dt_ns
        return self._place(1.0 if self._gone_ns >= self._whole_ns else self._gone_ns / self._whole_ns)

    def arrive(self) -> None:
        """Be there now."""
        if self._to:
            self._place(1.0)

    def _place(self, share: float) -> list[str]:
        moved = []
        for name, to in self._to.items():
            was = self.now[name]
            self.now[name] = to if share == 1.0 else _between(self._from[name], to, share)
            if (was.lo, was.hi) != (self.now[name].lo, self.now[name].hi):
                moved.append(name)
        if share == 1.0:
            self._from, self._to = {}, {}
        return moved


def _between(a: ControlWire, b: ControlWire, share: float) -> ControlWire:
    def at(x: float, y: float) -> float:
        return x + share * (y - x)

    return replace(b, lo=at(a.lo, b.lo), hi=at(a.hi, b.hi), neutral=at(a.neutral, b.neutral), safe=at(a.safe, b.safe))
