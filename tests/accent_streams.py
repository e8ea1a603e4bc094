"""Motion as packets, and the accents the built-in settings find in them."""

from __future__ import annotations

from collections.abc import Sequence

from shows import make_accents

from choreo_service.clock import NS
from choreo_service.packets import Accent, SensorPacket


def packets(samples: Sequence[Sequence[float]], rate: float, stream: str = "acceleration") -> list[SensorPacket]:
    """The samples as a device of that rate sends them, from second 1 on."""
    stamps = [round(i * NS / rate) + NS for i in range(len(samples))]
    heard = enumerate(zip(stamps, samples, strict=True))
    return [SensorPacket(stream, 0, i, t_ns, t_ns, None, "s", tuple(values)) for i, (t_ns, values) in heard]


def accents(heard: Sequence[SensorPacket]) -> list[Accent]:
    """What a fresh detector finds."""
    detector = make_accents()
    return [accent for packet in heard if (accent := detector.hear(packet)) is not None]
