"""What one page still has to get. A slow one never delays the others nor grows a queue."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Final

CONTROL_CHANGE: Final = 0xB0
NOTES_KEPT: Final = 32  # messages; a page that is further behind has lost its rhythm anyway

Key = tuple[int, int]  # (channel 1..16, controller)


class Client:
    """Common to both kinds: wakes its sender and knows when to leave."""

    def __init__(self) -> None:
        self.ready = asyncio.Event()
        self.leaving = False

    def take(self) -> Sequence[bytes]:
        """The messages to send now, which are then no longer waiting."""
        raise NotImplementedError

    def leave(self) -> None:
        """Say goodbye once everything has been sent."""
        self.leaving = True
        self.ready.set()


class ControlClient(Client):
    """Holds the newest value of each controller."""

    def __init__(self, current: Mapping[Key, int]) -> None:
        super().__init__()
        self.waiting = dict(current)
        if current:
            self.ready.set()

    def put(self, key: Key, value: int) -> bool:
        """True when a value the client hadn't got yet was replaced."""
        replaced = key in self.waiting
        self.waiting[key] = value
        self.ready.set()
        return replaced

    def take(self) -> Sequence[bytes]:
        taken, self.waiting = self.waiting, {}
        self.ready.clear()
        return [bytes((CONTROL_CHANGE | channel - 1, number, value)) for (channel, number), value in taken.items()]


class NoteClient(Client):
    """Holds the newest notes, each in its order."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting: deque[bytes] = deque(maxlen=NOTES_KEPT)

    def put(self, message: bytes) -> None:
        self.waiting.append(message)
        self.ready.set()

    def take(self) -> Sequence[bytes]:
        taken = tuple(self.waiting)
        self.waiting.clear()
        self.ready.clear()
        return taken
