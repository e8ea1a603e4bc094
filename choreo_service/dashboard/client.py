"""One connected page: what it still has to get. A slow one costs itself frames, the others nothing."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

from choreo_service.clock import NS, Clock

DEFAULT_HZ: Final = 30.0
FASTEST_HZ: Final = 60.0
SLOWEST_HZ: Final = 0.5
MAX_TEXTS: Final = 128  # acks and events that wait; beyond it the oldest are dropped


class Client:
    """A slot for the latest frame, one for the latest state, and a short queue of acks and events.

    Nothing here waits: whoever feeds the socket takes from it, and what was replaced before it was taken is counted.
    """

    def __init__(self, clock: Clock, *, may_steer: bool) -> None:
        self._clock = clock
        self.may_steer = may_steer
        self.performer = 0
        self.hz = DEFAULT_HZ
        self.ready = asyncio.Event()
        self.sent = 0
        self.dropped = 0  # frames, states and texts that a newer one replaced or pushed out
        self.let_go: Callable[[], None] | None = None  # cuts the connection
        self.leaving = False
        self._sending_since_ns: int | None = None
        self._due_ns = 0
        self._frame: bytes | None = None
        self._state: str | None = None
        self._texts: deque[str] = deque(maxlen=MAX_TEXTS)

    def wants_frame(self, t_ns: int) -> bool:
        """Whether the tick due at `t_ns` is one of those it subscribed to; notes it as given."""
        if t_ns < self._due_ns:
            return False
        period_ns = round(NS / self.hz)
        # On the subscribed grid where ticks allow it, from now on after a pause.
        self._due_ns = max(self._due_ns + period_ns, t_ns)
        return True

    def put_frame(self, frame: bytes) -> None:
        self.dropped += self._frame is not None
        self._frame = frame
        self.ready.set()

    def put_state(self, state: str) -> None:
        self.dropped += self._state is not None
        self._state = state
        self.ready.set()

    def put_text(self, text: str) -> None:
        self.dropped += len(self._texts) == MAX_TEXTS
        self._texts.append(text)
        self.ready.set()

    def take(self) -> str | bytes | None:
        """The next message: acks and events first, then the state, then the frame."""
        if self._texts:
            return self._texts.popleft()
        if self._state is not None:
            state, self._state = self._state, None
            return state
        frame, self._frame = self._frame, None
        return frame

    def leave(self) -> None:
        """Say goodbye once everything has been sent."""
        self.leaving = True
        self.ready.set()

    def began(self) -> None:
        self._sending_since_ns = self._clock.now_ns()

    def ended(self) -> None:
        self._sending_since_ns = None
        self.sent += 1

    def stuck_s(self) -> float:
        """How long one message has been waiting for the network."""
        return 0.0 if self._sending_since_ns is None else (self._clock.now_ns() - self._sending_since_ns) / NS
