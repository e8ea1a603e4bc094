"""The MIDI system as a helper sees it: small protocols, and rtmidi behind them. Nothing else imports rtmidi."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, ClassVar, Protocol


class MidiPort(Protocol):
    """One MIDI output or input. Every method may raise OSError when the MIDI system is missing or broken."""

    api: str  # what plays now: alsa, jack, coremidi, winmm; "" before the first success

    def ports(self) -> Sequence[str]:
        """Names of the ports that can be connected to."""
        ...

    def open(self, port: str | None) -> str:
        """Connect to `port`, a name from ports(), or offer a port of our own when None. Returns the port's name."""
        ...

    def alive(self) -> bool:
        """False when the MIDI system that ports() or open() reached went away."""
        ...

    def close(self) -> None:
        """Harmless when not open."""
        ...


class MidiOut(MidiPort, Protocol):
    """One MIDI output."""

    def send(self, message: bytes) -> None:
        """Only while open."""
        ...


class _RtMidi:
    """rtmidi, with its traps closed: see each method."""

    _kind: ClassVar[str]  # the class of rtmidi

    def __init__(self, client: str, api: str) -> None:
        self.api = ""
        self._client = client
        self._wanted = api
        self._opened: Any = None
        self._probe: Any = None
        self._threads = 0

    def ports(self) -> Sequence[str]:
        """From one persistent object: a new one per look costs a client each and ends in ENOMEM."""
        if self._probe is None:
            self._probe = self._create("probe")
        return tuple(self._probe.get_ports())

    def open(self, port: str | None) -> str:
        """On a fresh object, as one whose server died can't be opened again. Call close() before opening anew."""
        opened = self._create()
        self._prepare(opened)
        if port is None:
            opened.open_virtual_port(self._client)
        else:
            names = opened.get_ports()
            if port not in names:
                raise OSError(f"port {port!r} is gone")
            opened.open_port(names.index(port), name=self._client)
        self._opened = opened
        return port or self._client

    def alive(self) -> bool:
        """libjack's threads end when its server dies, and nothing else tells: ports stay listed and sends succeed.

        Compared with the most ever seen, because libjack is still starting threads when open() returns.
        """
        now = _threads()
        self._threads = max(self._threads, now)
        return now == self._threads

    def close(self) -> None:
        """Deletes the objects at once; a dead JACK server makes this take a second."""
        for opened in (self._opened, self._probe):
            if opened is not None:
                with suppress(OSError):
                    opened.close_port()
                opened.delete()
        self._opened = self._probe = None
        self._threads = 0

    def _prepare(self, opened: Any) -> None:
        """Before a port is opened."""

    def _create(self, suffix: str = "") -> Any:
        """The first MIDI system that answers. rtmidi itself would stop at ALSA, even where only JACK runs."""
        try:
            import rtmidi
        except ImportError as error:
            raise OSError(f"python-rtmidi can't be imported: {error}") from error
        known = {
            "alsa": rtmidi.API_LINUX_ALSA,
            "jack": rtmidi.API_UNIX_JACK,
            "coremidi": rtmidi.API_MACOSX_CORE,
            "winmm": rtmidi.API_WINDOWS_MM,
        }
        compiled = [name for name, number in known.items() if number in rtmidi.get_compiled_api()]
        wanted = compiled if self._wanted == "auto" else [self._wanted]
        problems = []
        for name in wanted:
            if name not in compiled:
                problems.append(f"{name}: not in this build of rtmidi (it has {', '.join(compiled)})")
                continue
            try:
                created = getattr(rtmidi, self._kind)(
                    known[name], name=f"{self._client}-{suffix}" if suffix else self._client
                )
            except OSError as error:
                reason = str(error).rpartition("::initialize: ")[2]  # without rtmidi's class and method
                problems.append(f"{name}: {reason.rstrip('.')}")
            else:
                self.api = name
                self._threads = max(self._threads, _threads())
                return created
        raise OSError("; ".join(problems) or "this build of rtmidi knows no MIDI system")


class RtMidiOut(_RtMidi):
    """A MIDI output."""

    _kind = "MidiOut"

    def send(self, message: bytes) -> None:
        """Guarded, because rtmidi crashes the process on a send after close."""
        if self._opened is None:
            raise OSError("not open")
        self._opened.send_message(message)


class RtMidiIn(_RtMidi):
    """A MIDI input that hands over each message in rtmidi's own thread, the moment it comes."""

    _kind = "MidiIn"

    def __init__(self, client: str, api: str, heard: Callable[[Sequence[int]], None]) -> None:
        super().__init__(client, api)
        self._heard = heard

    def _prepare(self, opened: Any) -> None:
        opened.ignore_types(sysex=True, timing=False, active_sense=True)  # clock is ignored unless asked for
        opened.set_callback(lambda event, _: self._heard(event[0]))


def match_port(wanted: str, ports: Sequence[str]) -> str | None:
    """The port called `wanted`, else the first whose name contains it in any case, else None.

    Never an index: numbers, and the numbers ALSA puts into names, change between runs.
    """
    if wanted in ports:
        return wanted
    return next((name for name in ports if wanted.lower() in name.lower()), None)


def _threads() -> int:
    """Threads of this process; 0 where the system doesn't tell, which makes alive() always true."""
    return len(os.listdir("/proc/self/task")) if sys.platform == "linux" else 0  # noqa: PTH208 - pathlib costs the child a megabyte
