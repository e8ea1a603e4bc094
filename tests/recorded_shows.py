"""Shows in virtual time whose recorder writes to a simulated disk, ten times a second."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from shows import RandomArrivals, make_accents, make_recorder, make_service
from slow_syncs import SlowSyncs

from choreo_service.clock import NS, Clock, VirtualClock
from choreo_service.core import Core
from choreo_service.recorder import Recorder, recover, unfinished
from choreo_service.recorder.recording import SYNC_S
from choreo_service.replay import Tape
from choreo_service.service.show import Service
from choreo_service.session import Session
from choreo_service.testing import RecordingBridge
from choreo_service.testing.bridges import RecordingConfig
from choreo_service.testing.disk import Remains, SimulatedDisk

FOLDER = Path("/recordings")
WRITE_TICKS = 5
SYNC_TICKS = 45


class RecordedShow:
    """A service, the tape of everything it played, its bridge, and its recorder; `settings` are for `make_recorder`.

    Each sync of a file takes `sync_s`. `make_bridge` (wires, clock) makes another bridge than one that keeps what it is
    given; with `accents` the service plays them.
    """

    def __init__(
        self,
        *,
        seed: int = 1,
        performers: int = 1,
        sync_s: float = 0.0,
        make_bridge: Callable[[Any, Clock], Any] | None = None,
        accents: bool = False,
        **settings: Any,
    ) -> None:
        self.disk = SimulatedDisk()
        self.clock = VirtualClock()
        self.tape = Tape()
        self.writing = True  # False: the recorder's threads are stuck
        self._sync_ns = round(sync_s * NS)
        self._bugs: list[Exception] = []

        def recorder(core: Core) -> Recorder:
            return make_recorder(self.clock, core, FOLDER, self.disk, **settings)

        self.service: Service = make_service(
            self.clock,
            {"phone": lambda emit, clock: RandomArrivals(emit, clock, seed=seed)},
            {"sink": make_bridge or self._bridge},
            performers=performers,
            accents=make_accents(performers) if accents else None,
            recorder=recorder,
        )
        self.recorder = self.service.recorder
        self.service.listeners.append(self.tape)
        self.service.listeners.append(self._work)
        if self._sync_ns:
            self.service.beside["syncs"] = self._slow_syncs

    def at(self, second: float, action: Callable[[], None]) -> None:
        """Do something on the first tick after that many seconds of the show."""
        begin_ns, done = self.clock.now_ns(), []

        def look(*_: object) -> None:
            if not done and self.clock.now_ns() - begin_ns >= second * NS:
                done.append(True)
                action()

        self.service.listeners.append(look)

    def finished(self, into: Path) -> list[Session]:
        """End the recording; its takes, made in the real folder `into` of what the disk holds."""
        assert self.recorder.close()
        assert self.disk.open_files == 0
        assert not self._bugs
        return recovered(self.disk.after_kill(), into)

    def _bridge(self, wires: Any, clock: Clock) -> RecordingBridge:
        self.bridge = RecordingBridge(RecordingConfig(), wires, clock)
        return self.bridge

    def _work(self, *_: object) -> None:
        played = len(self.tape.steps)
        if self.writing and played % WRITE_TICKS == 0:
            self.recorder.work()
            if not self._sync_ns and (played % SYNC_TICKS == 0 or any(one.let_go for one in self.recorder._busy)):
                self.recorder.sync()

    async def _slow_syncs(self) -> None:
        syncs = SlowSyncs(self.clock, self.disk, self.recorder.sync, lambda: self._sync_ns)
        self._bugs = syncs.bugs
        while True:
            await self.clock.sleep_until(self.clock.now_ns() + round(SYNC_S * NS))
            await syncs.round()


def recovered(disk: Remains, into: Path) -> list[Session]:
    """The takes that recovery makes of what is left on a disk, in a real folder."""
    for path, content in disk.items():
        target = into / path.relative_to("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    takes = [take for _, take in recover(unfinished(into / FOLDER.relative_to("/")))]
    assert all(isinstance(take, Session) for take in takes)
    return [take for take in takes if isinstance(take, Session)]
