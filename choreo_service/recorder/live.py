"""A take while it is recorded: a hidden folder with a manifest, the core's state at its start, and one stream of
segments for each kind of thing that happens. All disk work of one recording."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any, Final, NamedTuple

from choreo_service.clock import NS
from choreo_service.disk import Disk
from choreo_service.packets import SCHEMA_VERSION, ControlPacket, SensorPacket, Step
from choreo_service.protocols import Sent
from choreo_service.recorder.segments import StreamWriter
from choreo_service.recorder.streams import LIVE_STREAMS
from choreo_service.session import Event, SentRow
from choreo_service.session.state import STATE_FILE, dump_state

FOLDER_SUFFIX: Final = ".recording"
MANIFEST: Final = "manifest.json"
LOCK: Final = "LOCK"
SEGMENT_S: Final = 60.0


class Played(NamedTuple):
    """One tick as the loop gave it."""

    packets: Sequence[SensorPacket]
    step: Step


class SentItem(NamedTuple):
    """One message of one bridge."""

    bridge: str
    packet: ControlPacket
    sent: Sent


Item = Played | SentItem | Event


class LiveTake:
    """Open it, then `add`, `flush`, `sync` as often as you like, then `close`. Each may raise OSError, after which it
    may be called again; nothing is lost by that. `sync` may run in a thread of its own, beside `add`, `flush` and
    `end`."""

    def __init__(
        self, disk: Disk, recordings: Path, name: str, header: Mapping[str, Any], state: Mapping[str, Any]
    ) -> None:
        self._disk, self._recordings, self.name = disk, recordings, name
        self._header = {"schema_version": SCHEMA_VERSION, "id": uuid.uuid4().hex, **header}
        self._state = state
        self._lock: AbstractContextManager[None] | None = None
        self._segment_ns: int | None = None
        self._streams: dict[str, StreamWriter] = {}
        self.folder = Path()  # once it is open
        self.latents = True  # whether they are kept

    @property
    def is_open(self) -> bool:
        return bool(self._streams)

    @property
    def bytes(self) -> int:
        """Written so far."""
        return sum(stream.bytes for stream in self._streams.values())

    def open(self) -> None:
        """Make the folder under the first free name: neither a finished take nor another recording is touched."""
        if self.folder == Path():
            self._make_folder()
        if self._lock is None and (lock := self._disk.lock(self.folder / LOCK)) is not None:
            lock.__enter__()
            self._lock = lock
        self._disk.put(self.folder / STATE_FILE, dump_state(self._state))
        self._put_manifest({})
        self._streams = {name: StreamWriter(self._disk, self.folder, name) for name in LIVE_STREAMS}

    def add(self, items: Sequence[Item]) -> None:
        """Take items in; touches no disk."""
        ticks = [item for item in items if isinstance(item, Played)]
        packets = [packet for tick in ticks for packet in tick.packets]
        steps = [tick.step for tick in ticks]
        latents = [step.latent for step in steps if step.latent is not None] if self.latents else []
        sent = [row for item in items if isinstance(item, SentItem) for row in _rows(item)]
        events = [item for item in items if isinstance(item, Event)]
        known = self._streams["packets"].rows + len(packets)
        given: tuple[Sequence[Any], ...] = (packets, steps, latents, sent, events)
        for stream, found in zip(LIVE_STREAMS, given, strict=True):
            if found:
                self._streams[stream].add(found, known)

    def flush(self, now_ns: int) -> None:
        """Write what was added: packets before the steps made of them."""
        self._segment_ns = now_ns if self._segment_ns is None else self._segment_ns
        if now_ns - self._segment_ns >= SEGMENT_S * NS:
            for stream in self._streams.values():
                stream.end_segment()
            self._segment_ns = now_ns
        for stream in self._streams.values():
            stream.flush()

    def sync(self) -> None:
        """What was flushed before survives a power cut."""
        for stream in self._streams.values():
            stream.sync()

    def end(self) -> None:
        """Write the end of all streams; nothing can be added any more."""
        for stream in self._streams.values():
            stream.end_segment()

    def close(self, reason: str) -> None:
        """End it whole; `reason` tells people why."""
        self.end()
        self.sync()
        self._put_manifest({"ended": reason})
        self.abandon()

    def abandon(self) -> None:
        """Let go of the files as they are; what is on the disk stays readable."""
        for stream in self._streams.values():
            stream.abandon()
        if self._lock is not None:
            with suppress(OSError):
                self._lock.__exit__(None, None, None)
            self._lock = None

    def _make_folder(self) -> None:
        number, name = 1, self.name
        while True:
            folder = self._recordings / f".{name}{FOLDER_SUFFIX}"
            if not self._disk.exists(self._recordings / name):
                with suppress(FileExistsError):
                    self._disk.make_folder(folder)
                    self.folder, self.name = folder, name
                    return
            number += 1
            name = f"{self.name}_{number}"

    def _put_manifest(self, more: Mapping[str, Any]) -> None:
        text = json.dumps({**self._header, "name": self.name, **more}, indent=2, ensure_ascii=False, allow_nan=False)
        self._disk.put(self.folder / MANIFEST, text.encode())


def _rows(item: SentItem) -> list[SentRow]:
    packet = item.packet
    return [SentRow(packet.k, packet.t_ns, packet.performer, item.bridge, name, value) for name, value in item.sent]
