"""Tapes with parts exchanged: without a modality, with another body, with the own body at another time, looped.

These are the controls of the evaluation. Music that follows a body must change with the body: what stays the same
under another one came from the clock.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from choreo_service.clock import NS
from choreo_service.packets import MODALITIES, MODALITY_NAMES, SensorPacket
from choreo_service.replay import TapeEntry

BODY: Final = frozenset({"motion", "heart"})  # what a body sends; beat and context belong to the music


def without(
    entries: Iterable[TapeEntry], modality: str, spans_s: Sequence[tuple[float, float]] | None = None
) -> Iterator[TapeEntry]:
    """The tape without the packets of `modality` in the ticks of `spans_s`, in all ticks when None.

    A span [from, to) counts in seconds from the first tick. ValueError for a modality that does not exist.
    """
    if modality not in MODALITIES:
        raise ValueError(f"modality {modality!r}: expected one of {', '.join(MODALITY_NAMES)}")
    return _without(entries, modality, ((0.0, float("inf")),) if spans_s is None else spans_s)


def of_performers(count: int, entries: Iterable[TapeEntry]) -> Iterator[TapeEntry]:
    """The tape with the packets of the first `count` performers alone."""
    for entry in entries:
        yield entry._replace(packets=tuple(packet for packet in entry.packets if packet.performer < count))


def with_body_of(entries: Iterable[TapeEntry], others: Iterable[TapeEntry]) -> Iterator[TapeEntry]:
    """The first tape's ticks, beat and context with the motion and heart of the second; ends with the shorter one.

    The second tape is moved as a whole, its first tick onto the first tape's: on equal grids each of its packets keeps
    its tick and its place in the tick; where one tape skipped a slot the packets still lie at their own time.
    """
    bodies, numbers = _Body(others), itertools.count()
    for entry in entries:
        taken = bodies.until(entry.t_ns)
        if taken is None:
            return
        yield _entry(entry, taken, numbers)


def with_shifted_body(entries: Iterable[TapeEntry], shift_s: float) -> Iterator[TapeEntry]:
    """The tape with its own motion and heart `shift_s` later; what goes past the end comes in at the beginning.

    ValueError for fewer than two ticks, whose length is unknown. The whole tape is kept in memory.
    """
    tape = list(entries)
    slots, period_ns = _extent(tape)
    start_ns, length_ns = tape[0].t_ns - period_ns, slots * period_ns
    body = []
    for packet in (p for entry in tape for p in entry.packets if p.modality in BODY):
        # A slot owns its end, not its beginning: what falls on the tape's very beginning belongs at its end.
        at_ns = start_ns + (packet.t_ns - start_ns + round(shift_s * NS) - 1) % length_ns + 1
        body.append(_moved(packet, at_ns - packet.t_ns))
    waiting, numbers = deque(sorted(body, key=_order)), itertools.count()
    for entry in tape:
        due = _due(waiting, entry.t_ns)
        yield _entry(entry, due, numbers)


def looped(entries: Iterable[TapeEntry], passes: int) -> Iterator[TapeEntry]:
    """The tape `passes` times in a row: ticks, stamps and packet numbers go on, values stay as they are.

    The musical position jumps where a pass begins, as the beat packets say. ValueError for fewer than two ticks,
    whose length is unknown. The tape is kept in memory once.
    """
    tape = list(entries)
    slots, period_ns = _extent(tape)
    numbers = 1 + max((p.seq for entry in tape for p in entry.packets), default=0)
    for i in range(passes):
        later_ns = i * slots * period_ns
        for n, (k, dk, t_ns, packets) in enumerate(tape):
            moved = tuple(_moved(p, later_ns, seq=p.seq + i * numbers) for p in packets)
            follows = i > 0 and n == 0  # on the last tick of the pass before, without a gap
            yield TapeEntry(k + i * slots, 1 if follows else dk, t_ns + later_ns, moved)


class _Body:
    """The motion and heart packets of a tape, handed out on another time axis."""

    def __init__(self, entries: Iterable[TapeEntry]) -> None:
        self._entries = iter(entries)
        self._by_ns: int | None = None  # from this tape's axis to the other
        self._reached_ns = 0  # on the other axis
        self._waiting: deque[SensorPacket] = deque()

    def until(self, t_ns: int) -> list[SensorPacket] | None:
        """The packets due by `t_ns`, moved; None when this tape has ended before."""
        while self._by_ns is None or self._reached_ns < t_ns:
            entry = next(self._entries, None)
            if entry is None:
                return None
            if self._by_ns is None:
                self._by_ns = t_ns - entry.t_ns
            self._reached_ns = entry.t_ns + self._by_ns
            self._waiting.extend(_moved(p, self._by_ns) for p in entry.packets if p.modality in BODY)
        return _due(self._waiting, t_ns)


def _without(
    entries: Iterable[TapeEntry], modality: str, spans_s: Sequence[tuple[float, float]]
) -> Iterator[TapeEntry]:
    start_ns: int | None = None
    for entry in entries:
        start_ns = entry.t_ns if start_ns is None else start_ns
        at_s = (entry.t_ns - start_ns) / NS
        if any(begin <= at_s < end for begin, end in spans_s):
            entry = entry._replace(packets=tuple(p for p in entry.packets if p.modality != modality))
        yield entry


def _extent(tape: Sequence[TapeEntry]) -> tuple[int, int]:
    """(slots of the grid from the first tick to the last, both counted; ns per slot)."""
    if len(tape) < 2:
        raise ValueError(f"a tape of {len(tape)} ticks has no period; expected at least 2")
    steps = tape[-1].k - tape[0].k
    return steps + 1, (tape[-1].t_ns - tape[0].t_ns) // steps


def _due(waiting: deque[SensorPacket], t_ns: int) -> list[SensorPacket]:
    """Take the packets that belong to a tick due at `t_ns`."""
    due = []
    while waiting and waiting[0].t_ns <= t_ns:
        due.append(waiting.popleft())
    return due


def _entry(entry: TapeEntry, body: Sequence[SensorPacket], numbers: Iterator[int]) -> TapeEntry:
    """The entry with this body, its packets in order and numbered on, as the packets of a take must be."""
    music = (packet for packet in entry.packets if packet.modality not in BODY)
    packets = sorted((*music, *body), key=_order)
    return entry._replace(packets=tuple(dataclasses.replace(p, seq=next(numbers)) for p in packets))


def _moved(packet: SensorPacket, by_ns: int, *, seq: int | None = None) -> SensorPacket:
    seq = packet.seq if seq is None else seq
    return dataclasses.replace(packet, seq=seq, t_ns=packet.t_ns + by_ns, rx_ns=packet.rx_ns + by_ns)


def _order(packet: SensorPacket) -> tuple[int, int]:
    return packet.t_ns, packet.seq
