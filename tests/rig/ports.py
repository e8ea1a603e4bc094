"""Ports of 127.0.0.1 that were free a moment ago."""

from __future__ import annotations

import socket


def free_udp_port() -> int:
    """A UDP port nobody had bound at the time of the call."""
    return _free(socket.SOCK_DGRAM)


def free_tcp_port() -> int:
    """A TCP port nobody had bound at the time of the call."""
    return _free(socket.SOCK_STREAM)


def _free(kind: socket.SocketKind) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
