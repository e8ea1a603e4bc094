"""Shows in virtual time whose recorder writes to a simulated disk, five times a second."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from shows import RandomArrivals, make_recorder, make_service

from choreo_service.clock import NS, Clock, VirtualClock
from choreo_service.core import Core
from choreo_service.recorder import Recorder, recover, unfinished
from choreo_service.replay import Tape
from choreo_service.service import Service
from choreo_service.session import Session
from choreo_service.testing import RecordingBridge
from choreo_service.testing.bridges import RecordingConfig
from choreo_service.testing.disk import Remains, SimulatedDisk

FOLDER = Path("/recordings")
WRITE_TICKS = 10


class RecordedShow:
    """A service, the tape of everything it played, its bridge, and its recorder; `settings` are for `make_recorder`."""

    def __init__(self, *, seed: int = 1, performers: int = 1, **settings: Any) -> None:
        self.disk = SimulatedDisk()
        self.clock = VirtualClock()
        self.tape = Tape()
        self.writing = True  # False: the writer's thread is stuck

        def recorder(core: Core) -> Recorder:
            return make_recorder(self.clock, core, FOLDER, self.disk, **settings)

        self.service: Service = make_service(
            self.clock,
            {"phone": lambda emit, clock: RandomArrivals(emit, clock, seed=seed)},
            {"sink": lambda wires, clock: self._bridge(wires, clock)},
            performers=performers,
            recorder=recorder,
        )
        self.recorder = self.service.recorder
        self.service.listeners.append(self.tape)
        self.service.listeners.append(self._work)

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
        return recovered(self.disk.after_kill(), into)

    def _bridge(self, wires: Any, clock: Clock) -> RecordingBridge:
        self.bridge = RecordingBridge(RecordingConfig(), wires, clock)
        return self.bridge

    def _work(self, *_: object) -> None:
        if self.writing and len(self.tape.steps) % WRITE_TICKS == 0:
            self.recorder.work()


def recovered(disk: Remains, into: Path) -> list[Session]:
    """The takes that recovery makes of what is left on a disk, in a real folder."""
    for path, content in disk.items():
        target = into / path.relative_to("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    takes = [take for _, take in recover(unfinished(into / FOLDER.relative_to("/")))]
    assert all(isinstance(take, Session) for take in takes)
    return [take for take in takes if isinstance(take, Session)]
