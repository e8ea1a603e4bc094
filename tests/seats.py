"""An engine's seat without a watcher's process: the test holds the other end."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from choreo_service.standby.channel import Channel
from choreo_service.standby.mirror import Mirror, make_memory
from choreo_service.standby.seat import Seat


@contextmanager
def seated(*, first: bool) -> Iterator[tuple[Seat, Channel, Mirror]]:
    """A seat, the watcher's end of its channel, and the mirror as others see it."""
    memory = make_memory()
    ours, theirs = socket.socketpair()
    watcher, mirror = Channel(ours), Mirror(memory)
    seat = Seat(Channel(theirs), Mirror(memory), first=first)
    try:
        yield seat, watcher, mirror
    finally:
        asyncio.get_running_loop().remove_reader(theirs)
        watcher.close()
        theirs.close()
        mirror.close()
        os.close(memory)


GO: Final[dict[str, Any]] = {"kept": [], "takeovers": 1, "cause": "hung", "trusted": True, "realtime": 0}
