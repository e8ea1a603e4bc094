"""UDP ports the sensors want, who holds them, and the address phones should send to."""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from choreo_service.config import Adapter, Loaded
from choreo_service.dashboard.network import lan_address
from choreo_service.doctor.report import Finding


def udp_ports(loaded: Loaded, show: int | None = None) -> Iterator[Finding]:
    """For each sensor that listens on a port: whether it is free, or held by `show`, and whether phones reach it."""
    for adapter in loaded.sensors.values():
        port = getattr(adapter.config, "port", None)
        host = getattr(adapter.config, "host", None)
        if isinstance(port, int) and isinstance(host, str) and port:
            yield udp_port(adapter, host, port, show)


def udp_port(adapter: Adapter, host: str, port: int, show: int | None = None) -> Finding:
    """Bind the port for a moment."""
    name, state = f"port {port}", "free"
    if (fault := port_fault(host, port)) is not None:
        if not fault.taken or show is None or (held := holder(port)) is None or held.process != show:
            return _refused(adapter.name, name, host, port, fault)
        state = "held by this show"
    if host == "localhost" or ipaddress.ip_address(host).is_loopback:
        hint = f"for phones: -o sensors.{adapter.name}.host={lan_address() or 'the address of this machine'}"
        return Finding(name, "ok", f"{state}; {adapter.name} hears this machine only ({hint})")
    return Finding(name, "ok", f"{state}; {adapter.name} listens on {host}")


def addresses() -> Iterator[Finding]:
    """This machine's address on the local network."""
    address = lan_address()
    if address is None:
        yield Finding("network", "ok", "no local network; fine unless a phone shall send")
    else:
        yield Finding("network", "ok", f"phones reach this machine at {address}")


def lan_addresses() -> list[str]:
    """Every IPv4 address other machines may reach this one at, the one outgoing packets carry first."""
    first = lan_address()
    others = filter(None, (_address_of(name) for _, name in socket.if_nameindex())) if _CAN_ASK else ()
    usable = (a for a in others if not ipaddress.ip_address(a).is_loopback)
    return list(dict.fromkeys([*([first] if first else []), *usable]))


_CAN_ASK: Final = sys.platform.startswith("linux")
_SIOCGIFADDR: Final = 0x8915  # <linux/sockios.h>; the answer's address stands at bytes 20 to 24


def _address_of(interface: str) -> str | None:
    import fcntl

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
        try:
            answer = fcntl.ioctl(asker.fileno(), _SIOCGIFADDR, struct.pack("256s", interface.encode()[:15]))
        except OSError:
            return None  # an interface without an IPv4 address
    return socket.inet_ntoa(answer[20:24])


@dataclass(frozen=True, slots=True)
class PortFault:
    """Why a UDP port can't be had."""

    reason: str
    taken: bool  # by another program


def port_fault(host: str, port: int) -> PortFault | None:
    """Bind the port for a moment; None when it is free."""
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind((host, port))
    except OSError as error:
        return PortFault(os.strerror(error.errno or 0), error.errno == errno.EADDRINUSE)
    return None


def _refused(sensor: str, name: str, host: str, port: int, fault: PortFault) -> Finding:
    if fault.taken:
        found = f"held by {holder(port) or 'another program'}"
        return Finding(name, "fail", found, f"end it, or set sensors.{sensor}.port to another port")
    found = f"can't listen on {host}: {fault.reason}"
    return Finding(name, "fail", found, f"set sensors.{sensor}.host to an address of this machine")


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a port; as text `name (process id)`."""

    name: str
    process: int

    def __str__(self) -> str:
        return f"{self.name} (process {self.process})"


def holder(port: int, proc: Path = Path("/proc")) -> Holder | None:
    """Who holds a UDP port, on Linux, as far as this user may see."""
    inodes = {f"socket:[{inode}]" for inode in _inodes(port, proc)}
    if not inodes:
        return None
    for process in proc.glob("[0-9]*"):
        try:
            if any(os.readlink(fd) in inodes for fd in (process / "fd").iterdir()):  # noqa: PTH115  # sockets are no paths
                return Holder((process / "comm").read_text().strip(), int(process.name))
        except OSError:
            continue  # another user's process, or one that just ended
    return None


def _inodes(port: int, proc: Path) -> Iterator[str]:
    """Socket inodes bound to a UDP port: column 2 is `address:port` in hex, column 10 the inode."""
    for table in ("udp", "udp6"):
        path = proc / "net" / table
        for line in path.read_text().splitlines()[1:] if path.exists() else ():
            columns = line.split()
            if int(columns[1].rsplit(":", 1)[1], 16) == port:
                yield columns[9]
