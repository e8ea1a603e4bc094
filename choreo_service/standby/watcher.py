"""The process that watches over the show: it holds the sockets, starts two engines, lets one play, and lets the other
take over when that one dies or hangs. It loads no model and touches no sample."""

from __future__ import annotations

import os
import selectors
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from choreo_service import logs
from choreo_service.clock import MS, NS, Clock, MonotonicClock
from choreo_service.errors import EXIT_INTERRUPTED, ChoreoError
from choreo_service.inherited import Left
from choreo_service.logs import get_logger
from choreo_service.notify import Notifier
from choreo_service.priority import come_at_once, realtime
from choreo_service.standby.channel import Message
from choreo_service.standby.engine_process import EngineProcess, in_words
from choreo_service.standby.mirror import Mirror, make_memory

LOOK_NS: Final = NS // 100
HANG_NS: Final = 220 * MS  # without a heartbeat; one comes with every tick
START_NS: Final = 20 * NS  # until the first heartbeat, on a cold disk
SPARE_AFTER_NS: Final = NS  # a take-over is not disturbed by starting the next spare
HEALTHY_NS: Final = 5 * NS  # an engine that has played this long begins a new count of falls
BACKOFF_S: Final = (0.0, 0.0, 0.5, 1.0, 2.0, 5.0)  # wait before the n-th engine in a row is let play
DISTRUST_AFTER: Final = 3  # falls in a row: the state that each leaves may be what fells the next
RETRY_S: Final = (1.0, 2.0, 5.0, 10.0, 30.0)  # wait before another spare is started when one didn't get warm

if os.name != "nt":
    import termios


class Watcher:
    """One show. `run` returns when it is over."""

    def __init__(self, argv: Sequence[str], environ: Mapping[str, str], clock: Clock) -> None:
        """`argv` starts one engine."""
        self._argv, self._clock = argv, clock
        self._memory = make_memory()
        self._mirror = Mirror(self._memory)
        self._notifier = Notifier(environ)
        self._selector = selectors.DefaultSelector()
        self._kept: dict[str, Left] = {}  # what every engine of this show gets
        self._active: EngineProcess | None = None
        self._spare: EngineProcess | None = None
        self._code: int | None = None  # of the show, once it is over
        self._asked = self._ends = 0  # how often somebody asked for the end, lately and in all
        self._reload = self._reread = False
        self._falls, self._in_a_row, self._cause = 0, 0, ""
        self._go_ns = self._next_ns = self._spare_ns = 0  # when one began to play; when the next may, or be started
        self._cold = 0  # spares in a row that didn't get warm
        self._beats, self._seen_ns, self._looked_ns = 0, clock.now_ns(), clock.now_ns()

    def run(self) -> int:
        """The exit code of the engine that ended the show."""
        try:
            while self._code is None:
                self._look(self._clock.now_ns())
                for key, _ in self._selector.select(LOOK_NS / NS):
                    self._hear(key.data)
            return self._code
        finally:
            for engine in filter(None, (self._active, self._spare)):
                engine.kill()
            for name in list(self._kept):
                self._drop(name)
            self._selector.close()
            self._mirror.close()
            os.close(self._memory)
            self._notifier.close()

    def ask_end(self) -> None:
        """In order; asked again, at once; asked a third time, without a word to the receivers. For signal handlers."""
        self._asked += 1

    def ask_reload(self) -> None:
        self._reload = True

    def _look(self, now_ns: int) -> None:
        """Everything that depends on time."""
        stalled_ns = max(0, now_ns - self._looked_ns - 2 * LOOK_NS)  # our own: nobody was silent then
        self._looked_ns = now_ns
        self._seen_ns += stalled_ns
        self._obey()
        if self._active is not None:
            self._feel_pulse(self._active, now_ns)
        if self._code is not None:
            return
        if self._active is None and self._spare is not None and self._spare.warm and now_ns >= self._next_ns:
            self._promote(self._spare, now_ns)
        if self._spare is None and now_ns >= self._spare_ns:
            self._start_spare(now_ns)
        if now_ns - self._seen_ns < START_NS:
            self._notifier.alive(now_ns)

    def _obey(self) -> None:
        if self._reload:
            self._reload = False
            self._tell("reload")
        if self._reread and self._spare is not None:  # it has read the old configuration
            self._part(self._spare)
            self._spare = None
        self._reread = False
        asked, self._asked = self._asked, 0
        for _ in range(asked):
            self._ends += 1
            if self._active is None or self._ends > 2 or not self._active.channel.send("end"):
                self._code = EXIT_INTERRUPTED

    def _feel_pulse(self, engine: EngineProcess, now_ns: int) -> None:
        if (beats := self._mirror.beats) != self._beats:
            if not engine.playing:
                engine.playing = True
                self._notifier.ready()
            self._beats, self._seen_ns = beats, now_ns
        elif not engine.ending and now_ns - self._seen_ns > (HANG_NS if engine.playing else START_NS):
            engine.kill()
            self._fell(engine, "hung", 1)

    def _hear(self, engine: EngineProcess) -> None:
        try:
            for message in engine.channel.receive():
                self._note(engine, message)
        except EOFError:
            status = engine.end()
            self._fell(engine, in_words(status), status if status >= 0 else 128 - status)

    def _note(self, engine: EngineProcess, message: Message) -> None:
        if message.what == "warm":
            engine.warm, self._cold = True, 0
            took_s = round((self._clock.now_ns() - engine.began_ns) / NS, 1)
            self._tell("spare", state="warm", took_s=took_s, **message.facts)
        elif message.what == "keep":
            self._drop(message.facts["key"])
            self._kept[message.facts["key"]] = Left(message.fds, message.facts["pid"])
        elif message.what == "drop":
            self._drop(message.facts["key"])
        elif message.what == "reread":
            self._reread = True
        elif message.what == "ending":
            engine.ending = True
            self._notifier.stopping()

    def _promote(self, engine: EngineProcess, now_ns: int) -> None:
        self._active, self._spare = engine, None
        self._go_ns = self._seen_ns = now_ns
        self._spare_ns = now_ns + SPARE_AFTER_NS
        engine.channel.send(
            "go",
            [fd for left in self._kept.values() for fd in left.fds],
            kept=[(key, len(left.fds), left.pid) for key, left in self._kept.items()],
            takeovers=self._falls,
            cause=self._cause,
            trusted=self._in_a_row < DISTRUST_AFTER,
            realtime=realtime(),
        )
        if self._ends:  # asked of one that fell over it
            engine.channel.send("end")

    def _fell(self, engine: EngineProcess, cause: str, code: int) -> None:
        """An engine is dead: the show is over, or the other one plays."""
        now_ns = self._clock.now_ns()
        self._part(engine)
        if engine is self._spare:
            self._spare = None
            if self._active is None and not self._falls:
                self._code = code  # the first of the show: what it couldn't do no other could
                return
            wait_s = RETRY_S[min(self._cold, len(RETRY_S) - 1)]
            self._cold += 1
            self._spare_ns = now_ns + round(wait_s * NS)
            self._tell("spare", state="failed", cause=cause, retry_s=wait_s)
            return
        self._active = None
        if engine.ending or (not engine.playing and not self._falls):
            self._code = code
            return
        self._count_fall(cause, now_ns)

    def _count_fall(self, cause: str, now_ns: int) -> None:
        self._falls, self._cause = self._falls + 1, cause
        self._in_a_row = 1 if now_ns - self._go_ns > HEALTHY_NS else self._in_a_row + 1
        wait_s = BACKOFF_S[min(self._in_a_row, len(BACKOFF_S)) - 1]
        self._next_ns = now_ns + round(wait_s * NS)
        if self._spare is None:
            self._spare_ns = min(self._spare_ns, now_ns)
        if self._spare is None or not self._spare.warm or wait_s:
            get_logger().warning("standby.fell", cause=cause, falls=self._in_a_row, wait_s=wait_s, now="nobody plays")

    def _start_spare(self, now_ns: int) -> None:
        first = self._active is None and not self._falls
        self._spare = EngineProcess(self._argv, self._memory, now_ns, first=first)
        self._selector.register(self._spare.channel, selectors.EVENT_READ, self._spare)
        self._tell("spare", state="warming")

    def _drop(self, key: str) -> None:
        for fd in self._kept.pop(key, Left(())).fds:
            os.close(fd)

    def _part(self, engine: EngineProcess) -> None:
        self._selector.unregister(engine.channel)
        engine.channel.close()
        engine.kill()

    def _tell(self, what: str, **facts: Any) -> None:
        if self._active is not None:
            self._active.channel.send(what, **facts)


def watch(arguments: Sequence[str]) -> int:
    """Play `choreo ARGUMENTS` by two engines, of which one stands by; the exit code. ChoreoError on Windows."""
    if os.name == "nt":
        raise ChoreoError(
            "--standby: Windows can't hand a socket from a process that died to the next one",
            fix="leave --standby out, or play on Linux or macOS",
        )
    come_at_once()
    log = logs.configure()
    # -P: a file called json.py in the performer's folder must not become the engine's json
    watcher = Watcher([sys.executable, "-P", "-m", "choreo_service", *arguments], os.environ, MonotonicClock())
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: watcher.ask_end())
    signal.signal(signal.SIGHUP, lambda *_: watcher.ask_reload())
    try:
        with _terminal_as_it_was():
            return watcher.run()
    finally:
        log.close()


@contextmanager
def _terminal_as_it_was() -> Iterator[None]:
    """An engine that dies leaves the terminal as its keyboard door needs it, without echo."""
    before = termios.tcgetattr(0) if os.isatty(0) else None
    try:
        yield
    finally:
        if before is not None:
            termios.tcsetattr(0, termios.TCSADRAIN, before)
