"""The life of a MIDI helper process: bytes from stdin, reports on stdout, an end that comes when stdin's does."""

from __future__ import annotations

import json
import os
import queue
import select
import signal
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol

from choreo_adapters.helper.reports import to_line
from choreo_adapters.midi.device import MidiPort
from choreo_adapters.midi.keeper import LOST_ERRORS
from choreo_service.clock import NS, MonotonicClock

SELF_DESTRUCT_S: Final = 15  # a helper stuck in a driver ends itself after this, should its parent be gone too
CHUNK_BYTES: Final = 4096
QUEUED_CHUNKS: Final = 16
LAST_NS: Final = 6 * NS // 10  # how long what waits for its time is still played after the pipe's end


class Keeper(Protocol):
    """Whatever keeps ports open: see keeper.PortKeeper."""

    def feed(self, data: bytes) -> None: ...

    def turn(self) -> int: ...

    @property
    def idle(self) -> bool: ...

    def close(self) -> None: ...


def serve(make_keeper: Callable[[Callable[[Mapping[str, Any]], None], Callable[[], int]], Keeper]) -> None:
    """Serve until stdin ends or nobody reads stdout. `make_keeper` gets where to report and what time it is."""
    _survive_signals()
    clock = MonotonicClock()
    keeper = make_keeper(report, clock.now_ns)
    pipe = _ThreadedPipe() if sys.platform == "win32" else _Pipe()
    end_ns: int | None = None  # set when the pipe has ended
    while end_ns is None or (not keeper.idle and clock.now_ns() < end_ns):
        _postpone_self_destruction()
        data = pipe.read(keeper.turn() / NS)
        if data is None:
            continue
        keeper.feed(data)
        if not data:
            end_ns = clock.now_ns() + LAST_NS
            keeper.turn()  # what came with the end and is due
    keeper.close()


def list_ports(device: MidiPort) -> None:
    """Report the ports and end; for `choreo devices`, which must not hang in a driver itself."""
    try:
        report({"state": "open", "ports": list(device.ports()), "api": device.api})
    except LOST_ERRORS as error:
        report({"state": "no-midi", "ports": [], "reason": str(error)})
    device.close()


def report(facts: Mapping[str, Any]) -> None:
    os.write(1, to_line(facts))


def helper_argv(module: str, settings: Mapping[str, Any]) -> Sequence[str]:
    """What starts the helper `module` with these settings."""
    # -P: a file called json.py in the performer's folder must not become the helper's json
    return (sys.executable, "-P", "-m", module, json.dumps(settings))


class _Pipe:
    """What comes from the service. Without a thread: its hand-over would cost as much as the playing."""

    def __init__(self) -> None:
        self._open = [0]

    def read(self, within_s: float) -> bytes | None:
        """As soon as there is something, no bytes at all at the end; None when the time is up."""
        if not select.select(self._open, (), (), within_s)[0]:
            return None
        data = os.read(0, CHUNK_BYTES)
        if not data:
            self._open = []  # else an ended pipe could be read for ever, at once
        return data


class _ThreadedPipe:
    """The same for Windows, which can't wait for a pipe and a timeout at once."""

    def __init__(self) -> None:
        self._chunks: queue.Queue[bytes] = queue.Queue(QUEUED_CHUNKS)
        threading.Thread(target=self._fill, daemon=True).start()

    def read(self, within_s: float) -> bytes | None:
        try:
            return self._chunks.get(timeout=within_s)
        except queue.Empty:
            return None

    def _fill(self) -> None:
        while data := os.read(0, CHUNK_BYTES):
            self._chunks.put(data)
        self._chunks.put(b"")


def _survive_signals() -> None:
    """Ctrl-C and a service manager's stop reach the whole group, but the service still has to ease out through us."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)


def _postpone_self_destruction() -> None:
    """The alarm's default action ends the process even while a driver holds the interpreter lock."""
    if hasattr(signal, "alarm"):
        signal.alarm(SELF_DESTRUCT_S)
