"""A tape: every tick that was played, with the packets that belonged to it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from choreo_service.accents import AccentDetector
from choreo_service.core import Core
from choreo_service.packets import Accent, SensorPacket, Step
from choreo_service.session import Session, tick_list
from choreo_service.ticker import Tick


class TapeEntry(NamedTuple):
    """One tick and the packets that belonged to it."""

    k: int
    dk: int
    t_ns: int
    packets: tuple[SensorPacket, ...]


class Tape:
    """A listener of the loop that keeps everything in memory: for tests and short runs."""

    def __init__(self) -> None:
        self.entries: list[TapeEntry] = []
        self.steps: list[Step] = []

    def __call__(self, tick: Tick, packets: Sequence[SensorPacket], step: Step) -> None:
        self.entries.append(TapeEntry(tick.k, tick.dk, tick.due_ns, tuple(packets)))
        self.steps.append(step)


def replay_tape(core: Core, entries: Iterable[TapeEntry]) -> Iterator[Step]:
    """Run a fresh core over a tape."""
    for entry in entries:
        yield core.step(entry.k, entry.dk, entry.t_ns, entry.packets)


def replay_accents(accents: AccentDetector, entries: Iterable[TapeEntry]) -> Iterator[Accent]:
    """The accents a fresh detector finds on a tape: those of the live run, unless a buffer overflowed meanwhile."""
    for entry in entries:
        yield from filter(None, map(accents.hear, entry.packets))


def take_entries(session: Session, period_ns: int) -> Iterator[TapeEntry]:
    """A take as a tape: its recorded ticks, else an ideal grid with the given period that ends with the last packet."""
    ticks = tick_list(session)
    return _entries(session.packets(), iter(ticks) if ticks else None, period_ns)


def _entries(
    packets: Iterator[SensorPacket], ticks: Iterator[tuple[int, int, int]] | None, period_ns: int
) -> Iterator[TapeEntry]:
    waiting = next(packets, None)
    endless = ticks is None
    if ticks is None:
        if waiting is None:
            return
        ticks = _grid(waiting.t_ns, period_ns)
    for k, dk, t_ns in ticks:
        due: list[SensorPacket] = []
        while waiting is not None and waiting.t_ns <= t_ns:
            due.append(waiting)
            waiting = next(packets, None)
        yield TapeEntry(k, dk, t_ns, tuple(due))
        if endless and waiting is None:
            return


def _grid(start_ns: int, period_ns: int) -> Iterator[tuple[int, int, int]]:
    k = 0
    while True:
        k += 1
        yield k, 1, start_ns + k * period_ns
