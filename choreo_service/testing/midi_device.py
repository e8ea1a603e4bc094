"""A MIDI output that is a list, and can be pulled out and put back."""

from __future__ import annotations

from collections.abc import Callable, Sequence

CONTROL_CHANGE = 0xB0


class RecordingMidiDevice:
    """Stands in for a MIDI system with some ports: records what is played, vanishes and fails on request.

    It has the methods an output driver needs (ports, open, send, alive, close), raising OSError as a real one does.
    Sending while closed raises RuntimeError, because the real thing crashes its process then.
    """

    def __init__(self, ports: Sequence[str] = (), now_ns: Callable[[], int] = lambda: 0) -> None:
        self.api = "recording"
        self.messages: list[tuple[int, bytes]] = []  # (ns, message)
        self.opened: list[str | None] = []  # each port opened, None for one of our own
        self.is_open = False
        self._ports = list(ports)
        self._now_ns = now_ns
        self._missing = ""  # why there is no MIDI system
        self._failing = ""  # why sending fails
        self._alive = True

    def ports(self) -> Sequence[str]:
        self._need_system()
        return tuple(self._ports)

    def open(self, port: str | None) -> str:
        self._need_system()
        if port is not None and port not in self._ports:
            raise OSError(f"port {port!r} is gone")
        self.opened.append(port)
        self.is_open = self._alive = True
        return "own port" if port is None else port

    def send(self, message: bytes) -> None:
        if not self.is_open:
            raise RuntimeError("a message was sent to a closed device")
        if self._failing:
            raise OSError(self._failing)
        self.messages.append((self._now_ns(), bytes(message)))

    def alive(self) -> bool:
        return self._alive

    def close(self) -> None:
        self.is_open = False

    def cc(self, channel: int, controller: int) -> int | None:
        """The controller's value as a receiver would know it, None before the first message; channels count from 1."""
        status = CONTROL_CHANGE | channel - 1
        values = [m[2] for _, m in self.messages if len(m) == 3 and m[0] == status and m[1] == controller]
        return values[-1] if values else None

    def plug(self, port: str) -> None:
        """Let a port appear."""
        self._ports.append(port)

    def unplug(self, port: str) -> None:
        """Let a port vanish as it does in reality: no error anywhere, it is only no longer listed."""
        self._ports.remove(port)

    def lose_system(self, reason: str = "no MIDI system") -> None:
        """Let the whole MIDI system go: an open port plays to nobody, and nothing can be listed or opened."""
        self._missing, self._alive = reason, False

    def restore_system(self) -> None:
        """Bring the system back; an open port stays dead, as with a JACK server that was restarted."""
        self._missing = ""

    def fail_sending(self, reason: str = "") -> None:
        """Let every send raise OSError(reason); without a reason they succeed again."""
        self._failing = reason

    def _need_system(self) -> None:
        if self._missing:
            raise OSError(self._missing)
