"""liblo's oscdump: an OSC listener nobody here wrote, which refuses what isn't OSC."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rig.ports import free_udp_port
from rig.process import Process, wait_until


@dataclass(frozen=True, slots=True)
class OscLine:
    """One message as oscdump printed it."""

    address: str
    types: str  # OSC type tags without the comma
    arguments: tuple[str, ...]  # as printed; strings keep their quotes

    @property
    def floats(self) -> tuple[float, ...]:
        """The arguments as numbers; ValueError when one isn't."""
        return tuple(float(argument) for argument in self.arguments)


class OscDump(Process):
    """`oscdump` listening on `port` of this machine."""

    def __init__(self) -> None:
        self.port = free_udp_port()
        super().__init__(("oscdump", "-L", str(self.port)))

    def is_ready(self) -> bool:
        return udp_port_bound(self.port)

    def messages(self, address: str | None = None) -> list[OscLine]:
        """Everything received so far, oldest first; only `address` when given."""
        lines = (_parse(line) for line in self.output().splitlines())
        return [line for line in lines if line is not None and address in (None, line.address)]

    def wait_for(self, address: str, count: int = 1, timeout_s: float = 5.0) -> list[OscLine]:
        """At least `count` messages to `address`, or PeerError."""
        wait_until(lambda: len(self.messages(address)) >= count, f"{count} x {address} in oscdump", timeout_s)
        return self.messages(address)


def udp_port_bound(port: int) -> bool:
    """Whether some program of this machine listens there, by Linux's socket tables, so no packet has to be sent."""
    wanted = f":{port:04X} "
    return any(wanted in line for table in ("/proc/net/udp", "/proc/net/udp6") for line in _lines(table))


def _parse(line: str) -> OscLine | None:
    """`e8f1c3b2.00000000 /choreo/tension f 0.5` -> its parts; None for anything oscdump says about itself."""
    words = line.split()
    if len(words) < 2 or not words[1].startswith("/"):
        return None
    types, arguments = (words[2], words[3:]) if len(words) > 2 else ("", [])
    return OscLine(words[1], types, tuple(arguments))


def _lines(table: str) -> list[str]:
    try:
        return Path(table).read_text(encoding="ascii").splitlines()
    except FileNotFoundError:  # no IPv6 on this machine
        return []
