"""The recorder: everything that came in, every step, every command and what was really sent, kept as it happens.

It listens to the tick and to the controller, and never disturbs them: accepting is one append. One thread writes and
another one syncs, so that a slow disk makes no write late. The promise: what was accepted more than 0.3 s ago survives
`kill -9`, more than 1.2 s ago a power cut.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from choreo_service.clock import NS, Clock, take_name, wall_time_iso
from choreo_service.commands import CommandError, Marker, Record
from choreo_service.config import RecorderSettings
from choreo_service.desk import Answered
from choreo_service.disk import Disk, RealDisk
from choreo_service.logs import get_logger
from choreo_service.packets import ControlPacket, SensorPacket, Step
from choreo_service.protocols import Sent
from choreo_service.recorder.live import Item, LiveTake, Played, SentItem
from choreo_service.recorder.ready import Ready
from choreo_service.recorder.recording import SYNC_S, WRITE_S, Recording
from choreo_service.recorder.rounds import Rounds
from choreo_service.recorder.streams import warm_up
from choreo_service.session import Event
from choreo_service.ticker import Tick

_CLOSE_S: Final = 10.0
_COME_S: Final = 2 * WRITE_S  # the writer comes by itself where no tick calls it
_MEMORY: Final = 256 << 20  # bytes that may wait for the disk at most
_TICK_BYTES, _PERFORMER_BYTES, _LATENT_BYTES = 3000, 1500, 1200  # rough sizes in memory


class Recorder:
    """Records one take at a time. All methods but `work` and `sync` belong to the event loop.

    `header` goes into every take; `state` gives the core's state, so that a take begun in the middle of a show replays
    exactly. `finish` is called by the syncing thread with the folder of each take that ended while the show goes on.
    """

    def __init__(
        self,
        settings: RecorderSettings,
        folder: Path,
        clock: Clock,
        *,
        header: Mapping[str, Any],
        state: Callable[[], Mapping[str, Any]],
        performers: int,
        period_ns: int,
        ready: Ready,
        disk: Disk | None = None,
        finish: Callable[[Path], object] | None = None,
    ) -> None:
        self._settings, self._folder, self._clock = settings, folder, clock
        self._header, self._state, self._ready = dict(header), state, ready
        self._disk = disk or RealDisk()
        self._finish = finish
        self._bound = _bound(settings, performers, period_ns)
        self._current: Recording | None = None
        self._busy: list[Recording] = []  # being written or synced, the current one last
        self._auto: tuple[str, Sequence[str]] | None = None
        self._asked: list[Any] = []  # [name, tags] of the newest take
        self._closing = False
        self._write_ticks = max(1, round(WRITE_S * NS / period_ns))
        self._write_k = 0  # the tick that calls the writer next
        self._writer = Rounds("recorder", clock, _COME_S, lambda: self._guarded(self.work), self._all_done)
        self._syncer = Rounds("recorder-sync", clock, SYNC_S, lambda: self._guarded(self.sync), self._all_done)
        self.unfinished: list[Path] = []  # folders of ended takes that nobody has finished yet
        self.handed_on: list[Path] = []  # folders given to `finish`

    def start(self, name: str = "", tags: Sequence[str] = ()) -> None:
        """Keep everything from the next tick on; CommandError when it does so already."""
        if self._current is not None and self._current.accepting:
            raise CommandError("a take is being recorded already", fix="end it first: record off")
        self._auto = None
        name = name or take_name()
        self._asked = [name, list(tags)]
        header = {
            **self._header,
            "created": wall_time_iso(),
            "source": "live",
            "tags": list(tags),
            "began_without": self._ready.missing(self._clock.now_ns()),
        }
        take = LiveTake(self._disk, self._folder, name, header, self._state())
        take.latents = self._settings.latents
        self._current = Recording(take, self._disk, self._settings, bound=self._bound, now_ns=self._clock.now_ns())
        self._busy.append(self._current)

    def start_when_ready(self, name: str = "", tags: Sequence[str] = ()) -> None:
        """Start by itself as soon as every required source is live."""
        self._auto = name, tags

    def stop(self, reason: str = "asked for") -> None:
        """End the take, if there is one; what was accepted is kept."""
        self._auto = None
        if self._current is not None:
            self._current.end(reason)
            self._current = None

    def state(self) -> list[Any] | None:
        """[name, tags, whether it still waits for its sources] of the take that is asked for; None without one."""
        if self._auto is not None:
            return [self._auto[0], list(self._auto[1]), True]
        return [*self._asked, False] if self._current is not None and self._current.accepting else None

    def load_state(self, state: Sequence[Any] | None) -> None:
        """Go on recording what another recorder was asked for, in a take of our own: NAME_2."""
        if state is not None:
            name, tags, waits = state
            (self.start_when_ready if waits else self.start)(name, tags)

    def tick(self, tick: Tick, packets: Sequence[SensorPacket], step: Step) -> None:
        """Listener of the loop."""
        self._ready.hear(packets)
        if self._current is not None:
            self._current.accept(Played(packets, step))
            self._current.watch(tick.due_ns)
            if tick.k >= self._write_k:
                self._write_k = tick.k + self._write_ticks
                self._writer.hurry()  # after a tick's work, when the next one is furthest away
        if self._auto is not None and not self._ready.missing(tick.due_ns):
            self.start(*self._auto)

    def sent(self, bridge: str, packet: ControlPacket, sent: Sent) -> None:
        """Hook of the controller."""
        self._accept(SentItem(bridge, packet, sent))

    def answered(self, answered: Answered) -> None:
        """Hook of the desk. A marker is kept as what it is."""
        command = answered.command
        if isinstance(command, Marker) and answered.ack.ok:
            self._accept(Event(answered.t_ns, "marker", command.text))
            return
        facts = command.model_dump(mode="json", exclude={"verb"}, exclude_none=True)
        data = {**facts, "door": answered.door, "ok": answered.ack.ok, "reason": answered.ack.reason}
        self._accept(Event(answered.t_ns, "command", command.verb, data))

    def obey_record(self, command: Record) -> None:
        """Handler of Record."""
        recording = self._current is not None and self._current.accepting
        if not recording if command.on is None else command.on:
            self.start()
            if missing := self._ready.missing(self._clock.now_ns()):
                get_logger().warning("recording.without", missing=missing)
        else:
            self.stop()

    def obey_marker(self, command: Marker) -> None:
        """Handler of Marker; the hook notes it."""
        if self._current is None or not self._current.accepting:
            raise CommandError("nothing is being recorded", fix="start a take first: R, or the command record")

    def note(self, text: str, **data: Any) -> None:
        """Keep a fact of the service's own in the take."""
        self._accept(Event(self._clock.now_ns(), "recorder", text, data))

    def tell(self, what: str, **header: Any) -> None:
        """What takes begun from now on say otherwise of themselves; the one that runs keeps it as the event `what`."""
        self.describe(**header)
        self.note(what, **header)

    def describe(self, **header: Any) -> None:
        """The same, where the one that runs has kept the command that changed it."""
        self._header |= header

    def health(self) -> Mapping[str, Any]:
        """Facts for telemetry, JSON types only."""
        now_ns = self._clock.now_ns()
        current = self._current or next(iter(self._busy[-1:]), None)
        if current is None:
            return {"state": "waiting", "missing": self._ready.missing(now_ns)} if self._auto else {"state": "idle"}
        left = current.minutes_left
        return {
            "state": current.state,
            "take": current.take.name,
            "elapsed_s": round(current.elapsed_s(now_ns), 1),
            "bytes": current.take.bytes,
            "accepted": current.accepted,
            "written": current.written,
            "durable": current.durable,
            "dropped": current.dropped,
            "durable_lag_s": round(current.lag_s(now_ns), 2),
            "minutes_left": None if left == float("inf") else round(left, 1),
            "missing": self._ready.missing(now_ns),
            "reason": current.reason,
        }

    def work(self) -> None:
        """One round of writing: called by its thread, or by whoever simulates time."""
        for recording in list(self._busy):
            recording.work(self._clock.now_ns())
            if recording.let_go:
                self._syncer.hurry()

    def sync(self) -> None:
        """One round of syncing, and the end of each take that is written whole: called likewise."""
        for recording in list(self._busy):
            recording.sync(self._clock.now_ns())
            if recording.over:
                self._busy.remove(recording)
                self._hand_on(recording.take.folder)

    def run_threads(self) -> None:
        """Start writing and syncing, with everything loaded that a take begun on stage will need."""
        warm_up()
        self._writer.start()
        self._syncer.start()

    def close(self) -> bool:
        """End what is being recorded and wait until it is safe, 20 s at most; False when the disk hangs.

        Call it when the loop has ended.
        """
        self.stop("the show ended")
        self._closing = True
        if not self._writer.started:
            self.work()
            self.sync()
            return not self._busy
        self._writer.hurry()
        self._syncer.hurry()
        return self._writer.join(_CLOSE_S) and self._syncer.join(_CLOSE_S)

    def _accept(self, item: Item) -> None:
        if self._current is not None:
            self._current.accept(item)

    def _hand_on(self, folder: Path) -> None:
        if folder == Path():
            return  # it never came to a folder
        if self._closing or self._finish is None:
            self.unfinished.append(folder)
        else:
            self.handed_on.append(folder)
            self._finish(folder)

    def _all_done(self) -> bool:
        return self._closing and not self._busy

    def _guarded(self, one_round: Callable[[], None]) -> None:
        try:
            one_round()
        except Exception as error:  # noqa: BLE001 - the recorder's own bug ends the recording, not the show
            get_logger().error("recording.failed", cause=f"{type(error).__name__}: {error}")
            for recording in list(self._busy):
                recording.give_up("the recorder failed")


def _bound(settings: RecorderSettings, performers: int, period_ns: int) -> int:
    """Ticks that may wait for the disk: the time asked for, as far as memory allows."""
    size = _TICK_BYTES + performers * (_PERFORMER_BYTES + (_LATENT_BYTES if settings.latents else 0))
    return max(1, min(round(settings.queue_s * 1e9 / period_ns), _MEMORY // size))
