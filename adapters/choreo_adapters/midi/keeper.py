"""Keeps one MIDI port open, whatever happens to it, and says how it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from choreo_adapters.midi.device import MidiPort, match_port
from choreo_service.clock import NS

HEARTBEAT_S: Final = 0.5  # something is reported at least this often
WATCH_NS: Final = NS // 20  # how often an open port is looked at: a program restarted unseen would stay disconnected
SEEK_NS: Final = NS // 4  # how often a lost port is looked for
NO_MIDI_NS: Final = 2 * NS  # how often a machine without any MIDI system is asked again
HEARTBEAT_NS: Final = int(HEARTBEAT_S * NS)
LOST_ERRORS: Final = (OSError, ValueError, RuntimeError, MemoryError)  # the bases of all that rtmidi raises


class PortKeeper:
    """States: starting, no-midi, lost (the port isn't there), reopening, open. What the port is for, subclasses say."""

    def __init__(
        self,
        device: MidiPort,
        port: str | None,
        report: Callable[[Mapping[str, Any]], None],
        now_ns: Callable[[], int],
    ) -> None:
        """`port` is matched exactly, then by a part of its name; None offers a port of our own."""
        self._device = device
        self._wanted = port
        self._report = report
        self._now_ns = now_ns
        self._state = "starting"
        self._reason = ""
        self._port = ""
        self._look_ns = self._report_ns = 0
        self._counts: dict[str, int] = {}  # reported too

    def feed(self, data: bytes) -> None:
        """Take bytes from the service."""

    def turn(self) -> int:
        """Do all that is due and return the nanoseconds until there is more to do."""
        now = self._now_ns()
        self._work(now)
        if now >= self._report_ns:
            self._tell(now)  # before the port is touched, so that a driver that hangs is told from a slow start
        if now >= self._look_ns:
            self._look_after_port(now)
        waits = [self._look_ns, self._report_ns]
        due_ns = self._next_ns()
        if due_ns is not None:
            waits.append(due_ns)
        return max(0, min(waits) - self._now_ns())

    @property
    def idle(self) -> bool:
        """True when nothing waits for its time."""
        return True

    def close(self) -> None:
        self._device.close()

    def _work(self, now: int) -> None:
        """Whatever is due."""

    def _next_ns(self) -> int | None:
        """When there is work again; None for never."""
        return None

    def _look_after_port(self, now: int) -> None:
        try:
            if self._state == "open":
                self._check_open(now)
            else:
                self._try_to_open(now)
            self._look_ns = now + (WATCH_NS if self._state == "open" else SEEK_NS)
        except LOST_ERRORS as error:
            self._device.close()
            self._look_ns = now + NO_MIDI_NS
            self._become("no-midi", str(error), now)

    def _check_open(self, now: int) -> None:
        if not self._device.alive():
            self._lose("the MIDI system went away", now)
        elif self._wanted is not None and self._port not in self._device.ports():
            self._lose(f"port {self._port!r} vanished", now)

    def _try_to_open(self, now: int) -> None:
        if not self._device.alive():
            self._device.close()  # what lists the ports died too, and would list the dead for ever
        found = None
        if self._wanted is not None:
            ports = self._device.ports()
            found = match_port(self._wanted, ports)
            if found is None:
                self._become("lost", f"no port called {self._wanted!r}; present: {', '.join(ports) or 'none'}", now)
                return
        if self._state == "lost":
            self._become("reopening", self._reason, now)
        self._port = self._device.open(found)
        self._become("open", "", now)

    def _lose(self, reason: str, now: int) -> None:
        self._become("lost", reason, now)
        self._device.close()

    def _become(self, state: str, reason: str, now: int) -> None:
        """A change is reported at once; what stays the same waits for the heartbeat."""
        changed = (state, reason) != (self._state, self._reason)
        self._state, self._reason = state, reason
        if changed:
            self._tell(now)

    def _tell(self, now: int) -> None:
        self._report_ns = now + HEARTBEAT_NS
        port = self._port if self._state == "open" else ""
        about = {"state": self._state, "reason": self._reason, "port": port, "api": self._device.api}
        self._report({**about, **self._counts})
