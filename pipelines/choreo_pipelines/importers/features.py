"""Frames for a recording nobody has played yet, made by the same code that makes them on stage."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from choreo_service.frames import FrameBuilder
from choreo_service.packets import Frame, SensorPacket

PERIOD_NS: Final = 20_000_000  # 50 Hz, the cadence of the service's default configuration
HOME_BPM: Final = 110.0  # the default `transport.home_bpm`: beats fall on it until somebody taps others


def recorded_frames(packets: Iterable[SensorPacket], *, start_ns: int, performers: int = 1) -> Iterator[Frame]:
    """One frame every PERIOD_NS from `start_ns` until the last packet; tick k is due at `start_ns + k * PERIOD_NS`.

    FrameBuilder is the first half of Core.step. The second half is left out: controls nobody heard are not kept.
    """
    builder = FrameBuilder(performers, HOME_BPM)
    k, due_ns = 1, start_ns + PERIOD_NS
    waiting: list[SensorPacket] = []
    for packet in packets:
        while packet.t_ns > due_ns:
            yield builder.build(k, 1, due_ns, waiting)
            k, due_ns, waiting = k + 1, due_ns + PERIOD_NS, []
        waiting.append(packet)
    if waiting:
        yield builder.build(k, 1, due_ns, waiting)
