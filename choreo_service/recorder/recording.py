"""One recording between the loop, which fills it, the thread that writes it and the one that makes it safe."""

from __future__ import annotations

from collections import deque
from typing import Final, Literal

from choreo_service.clock import NS, clock_anchor
from choreo_service.config import RecorderSettings
from choreo_service.disk import Disk
from choreo_service.logs import get_logger
from choreo_service.recorder.live import Item, LiveTake, Played
from choreo_service.recorder.room import Room
from choreo_service.session import Event

WRITE_S: Final = 0.1  # of the 0.3 s promised: the rest is for a busy machine, where a round waits for its turn
SYNC_S: Final = 1.0 - WRITE_S  # so that nothing waits longer than a second for its sync to begin
_LOOK_S: Final = 5.0
_LAG_ALARM_NS: Final = 2 * NS
_BATCH: Final = 512  # items made into bytes at a time
_Doing = Literal["write", "sync"]


class Recording:
    """`accept`, `watch` and `end` belong to the loop, `work` to the thread that writes, `sync` to the one that syncs:
    the writer lets go of a recording that ends, and the syncer closes it. Counters count ticks and only rise."""

    def __init__(self, take: LiveTake, disk: Disk, settings: RecorderSettings, *, bound: int, now_ns: int) -> None:
        self._take, self._disk, self._settings = take, disk, settings
        self._bound = bound  # ticks that may wait
        self._queue: deque[Item] = deque()
        self._room = Room(settings)
        self._began_ns = self._written_ns = self._durable_ns = now_ns
        self._looked_ns: int | None = None
        self._reason = ""  # why it ends, once it does
        self._faults: dict[_Doing, str] = {"write": "", "sync": ""}  # what the disk said last, while it refuses
        self._fault_ns = 0
        self._lag_said = False
        self._whole = False  # the streams were ended as they should
        self._broken = False
        self.let_go = False  # by the writer: nothing more will be written
        self.over = False
        self.accepted = self.written = self.durable = self.dropped = 0
        self._handed = 0  # ticks the take was given

    @property
    def take(self) -> LiveTake:
        return self._take

    @property
    def accepting(self) -> bool:
        """Whether what happens now is still kept."""
        return not self._reason

    @property
    def state(self) -> str:
        if self._reason:
            return "ended" if self.over else "ending"
        return "stalled" if self._fault else "recording"

    @property
    def reason(self) -> str:
        """Why it ended, or what keeps it from being written; empty while all is well."""
        return self._reason or self._fault

    @property
    def minutes_left(self) -> float:
        return self._room.minutes_left

    def lag_s(self, now_ns: int) -> float:
        """How old the newest data is that would survive a power cut."""
        return (now_ns - self._durable_ns) / NS

    def elapsed_s(self, now_ns: int) -> float:
        return (now_ns - self._began_ns) / NS

    def accept(self, item: Item) -> None:
        """O(1), never blocks, never raises. A gap would make a take that can't be replayed: at the bound it ends."""
        if self._reason:
            self.dropped += isinstance(item, Played)
        elif self.accepted - self.written >= self._bound:
            self.dropped += isinstance(item, Played)
            self.end(f"the disk did not take it any more: {self._fault or 'too slow'}")
        else:
            self.accepted += isinstance(item, Played)
            self._queue.append(item)

    def watch(self, now_ns: int) -> None:
        """Say once that the disk has fallen behind. On the loop: a writer that hangs in a write can't say it."""
        late = now_ns - self._durable_ns > _LAG_ALARM_NS and not self.over
        if late and not self._lag_said:
            get_logger().warning("recording.lag", durable_lag_s=round(self.lag_s(now_ns), 1))
        self._lag_said = late

    def end(self, reason: str) -> None:
        """Keep what was accepted and no more."""
        self._reason = self._reason or reason

    def work(self, now_ns: int) -> None:
        """Write what waits, look at the disk's room, end the streams when it is time."""
        if self._broken:
            self.let_go = True
        if self.let_go:
            return
        try:
            self._write(now_ns)
            if self._reason and not self._queue:
                self._take.end()
                self._whole = True
                self.let_go = True  # last: from here on it is the syncer's
        except OSError as error:
            self._mind("write", error, now_ns)
            self.let_go = bool(self._reason)  # there is nothing more to wait for; what is on the disk stays
        else:
            self._mind("write", None, now_ns)

    def sync(self, now_ns: int) -> None:
        """Make what was written safe, and close what the writer has let go of."""
        let_go = self.let_go  # before the sync, as `_sync` reads its counters: later rows are for the next one
        if not self._broken:
            try:
                self._sync(ending=let_go)
            except OSError as error:
                self._mind("sync", error, now_ns)
            else:
                self._mind("sync", None, now_ns)
        if let_go:
            self._take.abandon()
            self._closed()

    def give_up(self, reason: str) -> None:
        """End it as it is on the disk; what waits is lost."""
        self.end(reason)
        self._broken = True

    def _write(self, now_ns: int) -> None:
        if not self._take.is_open:
            self._take.open()
            get_logger().info("recording.started", take=self._take.name)
        if not self._faults["write"]:
            self._drain()
        self._take.flush(now_ns)
        self.written, self._written_ns = self._handed, now_ns
        if self._looked_ns is None or now_ns - self._looked_ns >= _LOOK_S * NS:
            self._looked_ns = now_ns
            self._look(now_ns)

    def _sync(self, *, ending: bool) -> None:
        written, written_ns = self.written, self._written_ns
        self._take.sync()
        self.durable, self._durable_ns = written, written_ns
        if ending and self._whole:
            self._take.close(self._reason)

    def _drain(self) -> None:
        left = len(self._queue)
        while left > 0:
            items = [self._queue.popleft() for _ in range(min(left, _BATCH))]
            left -= len(items)
            self._take.add(items)
            self._handed += sum(isinstance(item, Played) for item in items)

    def _look(self, now_ns: int) -> None:
        self._take.add([Event(now_ns, "clock", "", clock_anchor())])
        free = self._disk.free_bytes(self._take.folder)
        verdict = self._room.look(free, self._take.bytes, self.elapsed_s(now_ns))
        if verdict == "stop":
            self.end(f"the disk is full: less than {self._settings.keep_free_mb} MB left")
        elif verdict == "leave out latents" and self._take.latents:
            self._take.latents = False
            get_logger().warning("recording.latents_left_out", take=self._take.name, free_mb=free >> 20)

    @property
    def _fault(self) -> str:
        return self._faults["write"] or self._faults["sync"]

    def _mind(self, doing: _Doing, error: OSError | None, now_ns: int) -> None:
        """Say once that the disk refuses, and once that it does no more, whichever thread finds out."""
        before = self._fault
        self._faults[doing] = "" if error is None else error.strerror or str(error)
        if self._fault and not before:
            self._fault_ns = now_ns
            get_logger().warning("recording.stalled", take=self._take.name, cause=self._fault)
        elif before and not self._fault:
            get_logger().info("recording.resumed", stalled_s=round((now_ns - self._fault_ns) / NS, 1))

    def _closed(self) -> None:
        self.over = True
        get_logger().info(
            "recording.ended",
            take=self._take.name,
            reason=self._reason,
            ticks=self.written,
            dropped=self.dropped,
            mb=round(self._take.bytes / (1 << 20), 2),
        )
