"""A port to propose where the one asked for can't be had."""

from __future__ import annotations

import ipaddress
import socket
from typing import Final

_TRIED: Final = 32
_FIRST: Final = 9001  # below 1024 they belong to the system


def free_port(host: str, after: int) -> int:
    """The first UDP port beyond `after` that can be bound on `host` now; where none of some can, just the next one."""
    first = after + 1 if 1024 <= after < 65535 - _TRIED else _FIRST
    return next((port for port in range(first, first + _TRIED) if _is_free(host, port)), first)


def _is_free(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ipaddress.ip_address(host).version == 6 else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((host, port))
    except OSError:
        return False
    return True
