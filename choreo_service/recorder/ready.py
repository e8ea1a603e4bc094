"""Which of the sources a take needs are there: each has been heard within the time its modality may be silent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from choreo_service.clock import NS
from choreo_service.packets import MODALITIES, STREAMS, SensorPacket

_SILENCE_NS: Final = {
    s.name: round(max(1.0, MODALITIES[s.modality].missing_after_s) * NS) for s in STREAMS.values() if s.modality
}


class Ready:
    """Fed with every tick's packets."""

    def __init__(self, required: Sequence[str]) -> None:
        self._required = tuple(required)
        self._until_ns: dict[str, int] = {}  # sensor -> until when it counts as live

    def hear(self, packets: Sequence[SensorPacket]) -> None:
        for packet in packets:
            if packet.stream not in _SILENCE_NS:
                continue  # a wish of whoever runs the show
            sensor = packet.source_id.partition(":")[0]
            until_ns = packet.t_ns + _SILENCE_NS[packet.stream]
            if until_ns > self._until_ns.get(sensor, 0):
                self._until_ns[sensor] = until_ns

    def missing(self, now_ns: int) -> list[str]:
        """The required sensors that are silent now."""
        return [name for name in self._required if self._until_ns.get(name, -1) < now_ns]
