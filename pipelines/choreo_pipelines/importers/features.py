"""Frames for a recording nobody has played yet, made by the same code that makes them on stage."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Final

from choreo_pipelines.importers.recording import FIRST_NS
from choreo_service.clock import NS
from choreo_service.frames import FrameBuilder
from choreo_service.packets import Frame, SensorPacket
from choreo_service.session import Session

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


def frames_of_packets(session: Session, *, performers: int = 1) -> Iterator[Frame]:
    """The frames of a take that has packets alone, on the grid its header names.

    Of the time before the first packet at most _LEAD_NS: the grid of a take that was begun in the middle of a show
    starts with the show.
    """
    packets = session.packets()
    first = next(packets, None)
    if first is None:
        return iter(())
    start_ns = session.meta["start_ns"] or FIRST_NS
    early = max(0, first.t_ns - start_ns - _LEAD_NS) // PERIOD_NS
    return recorded_frames(chain((first,), packets), start_ns=start_ns + early * PERIOD_NS, performers=performers)


_LEAD_NS: Final = 60 * NS
