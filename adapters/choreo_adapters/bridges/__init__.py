"""Bridge adapters: one file, one class each, independent of one another.

This module holds the one rule they share. It stays free of heavy imports: the MIDI child process imports it too.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from choreo_service.packets import ControlPacket
    from choreo_service.protocols import ControlWire


def wire_values(
    control: ControlPacket, names: Sequence[str], wires: Mapping[str, ControlWire]
) -> Iterator[tuple[ControlWire, float]]:
    """The named controls with their values, each inside its wire's range; names without a wire are left out.

    A value that isn't finite is left out too: the receiver then keeps the last good one, which is what a hold means.
    """
    for name in names:
        wire = wires.get(name)
        if wire is None:
            continue
        value = control.value(name)
        if math.isfinite(value):
            yield wire, min(wire.hi, max(wire.lo, value))
