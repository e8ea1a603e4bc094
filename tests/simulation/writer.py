"""The recorder of a simulated show: its threads in virtual time, its disk, and a witness of what it was given."""

from __future__ import annotations

import asyncio
import errno
import os
import random
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from simulation.faults import Plan
from slow_syncs import SlowSyncs

from choreo_service.clock import MS, NS, Clock
from choreo_service.commands import Marker
from choreo_service.desk import Answered
from choreo_service.recorder import Recorder
from choreo_service.recorder.live import Played as PlayedTick
from choreo_service.recorder.recording import SYNC_S, WRITE_S, Recording
from choreo_service.testing.disk import Remains, SimulatedDisk

FOLDER: Final = Path("/recordings")
WRITE_NS: Final = round(WRITE_S * NS)
SYNC_NS: Final = round(SYNC_S * NS)
WAKE_NS: Final = 5 * MS  # a thread comes a little later than it asked to
LATE_NS: Final = 20 * MS  # what a round may be late before the writer counts as held up
ROOMY: Final = 1 << 62


class Position(NamedTuple):
    """How much had happened at a moment: ticks played, values each bridge sent."""

    ticks: int
    sent: Mapping[str, int]


class Counters(NamedTuple):
    """What a recording said of itself at a moment, beside what it was offered; in ticks."""

    offered: int
    accepted: int
    written: int
    durable: int
    dropped: int
    waiting: int
    bound: int


@dataclass(slots=True, eq=False)
class Span:
    """One recording as it was asked for. `end` is where it was ended, or where the show was over."""

    recording: Recording
    begin: Position
    end: Position | None = None
    markers: list[tuple[int, str]] = field(default_factory=list)  # (t_ns, text) that were answered with yes

    def counters(self, now: Position) -> Counters:
        one, end = self.recording, self.end or now
        waiting = sum(isinstance(item, PlayedTick) for item in one._queue) + one._handed - one.written
        offered = end.ticks - self.begin.ticks
        return Counters(offered, one.accepted, one.written, one.durable, one.dropped, waiting, one._bound)


class Crash(NamedTuple):
    """What was there when the power went or the process was killed."""

    t_ns: int
    remains: Remains
    at: Position
    counters: Mapping[Path, Counters]  # folder of a recording -> what it said
    punctual: bool  # neither disk nor machine had held up for a while what the promise relies on


class SimWriter:
    """Calls the recorder as its threads would, on a disk with the faults of the plan, and looks at the crash."""

    def __init__(self, clock: Clock, plan: Plan, position: Callable[[], Position]) -> None:
        self._clock, self._plan, self._position = clock, plan, position
        self._rng = random.Random(f"{plan.seed} disk")
        self._mended_ns = 0
        self._round_ns = clock.now_ns()  # when the last one was
        self._held_up_ns = clock.now_ns() - 10 * NS  # when it was last
        self._slow_rng = random.Random(f"{plan.seed} syncs")
        self._sync_takes_ns = 0
        self._synced_ns = clock.now_ns()  # when the last round of syncs was over
        self._syncs_held_up_ns = clock.now_ns() - 10 * NS
        self._hurry = asyncio.Event()
        self.disk = SimulatedDisk()
        self.recorder: Recorder | None = None  # known once the service is built
        self.spans: list[Span] = []
        self.rounds: list[Counters] = []
        self.lags_s: list[float] = []  # before each round: how old the newest was that a power cut would have left
        self.struck: set[str] = set()
        self.crash: Crash | None = None
        self.bugs: list[Exception] = []

    async def write(self) -> None:
        """The thread that writes."""
        due_ns = self._clock.now_ns()
        while True:
            now_ns = self._clock.now_ns()
            due_ns = min(max(now_ns, due_ns + WRITE_NS), now_ns + WRITE_NS)
            await self._clock.sleep_until(due_ns + self._rng.randrange(WAKE_NS))
            await self._strike()
            if self._clock.now_ns() > due_ns + LATE_NS or self._disk_is_ill:
                self._held_up_ns = self._clock.now_ns()
            if self._writes_punctual and self._syncs_punctual:
                self.lags_s += [s.recording.lag_s(self._clock.now_ns()) for s in self.spans if s.recording.accepting]
            self._round_ns = self._clock.now_ns()
            self.work()

    async def sync(self) -> None:
        """The thread that syncs."""
        assert self.recorder is not None
        syncs = SlowSyncs(self._clock, self.disk, self.recorder.sync, lambda: self._sync_takes_ns)
        due_ns = self._clock.now_ns()
        while True:
            now_ns = self._clock.now_ns()
            due_ns = min(max(now_ns, due_ns + SYNC_NS), now_ns + SYNC_NS)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._hurry.wait(), (due_ns - now_ns) / NS)
            self._hurry.clear()
            slow = "slow" in self._plan.disk and self._slow_rng.random() < self._plan.rate * SYNC_S / 4
            self.struck |= {"slow"} if slow else set()
            self._sync_takes_ns = round(self._slow_rng.uniform(0.02, 0.8) * NS) if slow else 0
            await syncs.round()
            self._synced_ns = self._clock.now_ns()
            if slow or self._synced_ns > due_ns + LATE_NS or self._disk_is_ill:
                self._syncs_held_up_ns = self._synced_ns
            self.bugs += syncs.bugs
            syncs.bugs.clear()

    async def pull_the_plug(self) -> None:
        """At a moment that has nothing to do with the writer's rounds."""
        await self._clock.sleep_until(self._clock.now_ns() + round(self._plan.crash_s * NS))
        at, now_ns = self._position(), self._clock.now_ns()
        cut = self._plan.crash == "power cut"
        remains = self.disk.after_power_cut() if cut else self.disk.after_kill()
        punctual = self._writes_punctual and (self._syncs_punctual or not cut)
        counters = {span.recording.take.folder: span.counters(at) for span in self.spans}
        self.crash = Crash(now_ns, remains, at, counters, punctual)
        await asyncio.Event().wait()

    def work(self) -> None:
        """One round. A bug ends the recording in a real show; here it must be seen."""
        assert self.recorder is not None
        now = self._position()
        self.rounds += [span.counters(now) for span in self.spans if not span.recording.over]
        try:
            self.recorder.work()
        except Exception as error:
            self.bugs.append(error)
        if any(span.recording.let_go and not span.recording.over for span in self.spans):
            self._hurry.set()

    def look(self) -> None:
        """Note whether a recording has begun or ended."""
        assert self.recorder is not None
        current, now = self.recorder._current, self._position()
        if self.spans and self.spans[-1].end is None and self.spans[-1].recording is not current:
            self.spans[-1].end = now
        if current is not None and not (self.spans and self.spans[-1].recording is current):
            self.spans.append(Span(current, now))

    def answered(self, answered: Answered) -> None:
        """Hook of the desk."""
        self.look()
        if isinstance(answered.command, Marker) and answered.ack.ok:
            self.spans[-1].markers.append((answered.t_ns, answered.command.text))

    @property
    def _writes_punctual(self) -> bool:
        now_ns = self._clock.now_ns()
        return now_ns - self._round_ns <= WRITE_NS + LATE_NS and now_ns - self._held_up_ns > 3 * NS

    @property
    def _syncs_punctual(self) -> bool:
        now_ns = self._clock.now_ns()
        return now_ns - self._synced_ns <= SYNC_NS + LATE_NS and now_ns - self._syncs_held_up_ns > 3 * NS

    @property
    def _disk_is_ill(self) -> bool:
        return self.disk.fault is not None or self.disk.capacity != ROOMY

    async def _strike(self) -> None:
        rng, now_ns = self._rng, self._clock.now_ns()
        if now_ns >= self._mended_ns:
            self.disk.fault, self.disk.capacity = None, ROOMY
        for fault in sorted(self._plan.disk - {"slow"}):
            if rng.random() >= self._plan.rate * WRITE_S / 4:
                continue
            self.struck.add(fault)
            lasts_ns = 1 << 62 if rng.random() < 0.1 else round(rng.uniform(0.3, 3.0) * NS)
            match fault:
                case "full":
                    self.disk.capacity, self._mended_ns = self.disk.used + rng.randrange(4000), now_ns + lasts_ns
                case "refuses":
                    code = rng.choice((errno.EIO, errno.EROFS))
                    self.disk.fault, self._mended_ns = OSError(code, os.strerror(code)), now_ns + lasts_ns
                case "stuck":
                    await self._clock.sleep_until(now_ns + round(rng.uniform(0.05, 2.5) * NS))
