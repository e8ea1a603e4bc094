"""A tape: every tick that was played, with the packets that belonged to it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, count
from typing import Final, NamedTuple

from choreo_service.accents import AccentDetector
from choreo_service.clock import NS
from choreo_service.core import Core
from choreo_service.errors import SessionError
from choreo_service.packets import Accent, SensorPacket, Step
from choreo_service.session import Session, recorded_ticks
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
    """A take as a tape: its recorded ticks, else an ideal grid with the given period that ends with the last packet.

    Read as it is played, whatever its length. SessionError where it is damaged, where one tick would take more packets
    than a show's buffers hold, and for a take without ticks that is silent for longer than a day.
    """
    packets = session.packets()
    ticks = recorded_ticks(session)
    first = next(ticks, None)
    if first is None:
        yield from _on_a_grid(session, packets, period_ns)
        return
    waiting = next(packets, None)
    for k, dk, t_ns in chain((first,), ticks):
        due, waiting = _due(session, packets, waiting, t_ns)
        yield TapeEntry(k, dk, t_ns, due)


_MOST_AT_ONCE: Final = 1 << 16  # packets: as many sources as a show hears, each with a full buffer
_LONGEST_SILENCE_NS: Final = 24 * 3600 * NS


def _on_a_grid(session: Session, packets: Iterator[SensorPacket], period_ns: int) -> Iterator[TapeEntry]:
    waiting = next(packets, None)
    if waiting is None:
        return
    start_ns = t_ns = waiting.t_ns
    for k in count(1):
        if waiting is None:
            return
        if waiting.t_ns - t_ns > _LONGEST_SILENCE_NS:
            hours = (waiting.t_ns - t_ns) / (3600 * NS)
            raise _unplayable(session, f"expected a packet within a day, found {hours:.0f} hours without one")
        t_ns = start_ns + k * period_ns
        due, waiting = _due(session, packets, waiting, t_ns)
        yield TapeEntry(k, 1, t_ns, due)


def _due(
    session: Session, packets: Iterator[SensorPacket], waiting: SensorPacket | None, t_ns: int
) -> tuple[tuple[SensorPacket, ...], SensorPacket | None]:
    """(the packets of a tick due at `t_ns`, the first of a later one)."""
    due: list[SensorPacket] = []
    while waiting is not None and waiting.t_ns <= t_ns:
        due.append(waiting)
        if len(due) > _MOST_AT_ONCE:
            raise _unplayable(session, f"expected at most {_MOST_AT_ONCE} packets for one tick, found more")
        waiting = next(packets, None)
    return tuple(due), waiting


def _unplayable(session: Session, fault: str) -> SessionError:
    return SessionError(f"take {session.path.name} can't be played: {fault}", fix="choose another take")
