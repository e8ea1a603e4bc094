"""Where other machines of the network reach this one."""

from __future__ import annotations

import ipaddress
import socket


def lan_address() -> str | None:
    """The address outgoing packets carry, None without a network. Nothing is sent: connecting UDP picks a route."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # a documentation address, routed like any other
            address = str(probe.getsockname()[0])
        except OSError:
            return None
    return None if ipaddress.ip_address(address).is_loopback else address
