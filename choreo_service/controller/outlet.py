"""One bridge's side of the controller: what it last got, when it may get more, and how late everything reaches it."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from choreo_service.controller.paths import ControlPath
from choreo_service.packets import CONTROL_NAMES, ControlPacket
from choreo_service.protocols import BridgeAdapter, Forgetful

_LONG_AGO: Final = -(1 << 62)
_SMALLEST: Final = 1e-9  # change of a position that is one at all


@dataclass(frozen=True, slots=True)
class Pace:
    """How often and how late one bridge is sent to."""

    throttle_ns: int | None = None  # shortest time between two messages of one control; None: as the paths say
    delay_ns: int = 0  # so that receivers that need longer sound at the same time


class Owed(NamedTuple):
    """What a delayed bridge will be sent, and when."""

    due_ns: int
    packet: ControlPacket
    names: tuple[str, ...]


@dataclass(slots=True)
class _Last:
    """What the bridge last got of one control."""

    position: float = float("nan")
    changed_ns: int = _LONG_AGO
    sent_ns: int = _LONG_AGO


class Outlet:
    """Chooses what is due for one bridge, and keeps what is delayed in a bounded line (oldest dropped, counted)."""

    def __init__(
        self, bridge: BridgeAdapter, pace: Pace, paths: Sequence[ControlPath], *, performers: int, period_ns: int
    ) -> None:
        self.bridge, self.pace = bridge, pace
        self.follow(paths, pace.throttle_ns)
        self._last = [[_Last() for _ in paths] for _ in range(performers)]
        self._owed: deque[Owed] = deque(maxlen=performers * (math.ceil(pace.delay_ns / period_ns) + 2))
        self.dropped = 0

    def due(
        self, performer: int, positions: Sequence[float], t_ns: int, refresh_ns: int, silent: Collection[int]
    ) -> tuple[str, ...]:
        """Names to send now; notes them as sent. `silent` controls aren't due."""
        names = []
        for i, (mine, position) in enumerate(zip(self._last[performer], positions, strict=True)):
            if i in silent:
                continue
            # NaN, the state of "never sent", differs from everything by more than any threshold.
            changed = not abs(position - mine.position) < self._thresholds[i]
            if changed and t_ns - mine.changed_ns >= self._throttles[i]:
                mine.changed_ns = t_ns
            elif t_ns - mine.sent_ns < refresh_ns:
                continue
            mine.position, mine.sent_ns = position, t_ns
            names.append(CONTROL_NAMES[i])
        return tuple(names)

    def follow(self, paths: Sequence[ControlPath], throttle_ns: int | None) -> None:
        """Choose by these thresholds and throttles from now on."""
        self.pace = replace(self.pace, throttle_ns=throttle_ns)
        self._throttles = [path.throttle_ns if throttle_ns is None else throttle_ns for path in paths]
        self._thresholds = [max(path.threshold, _SMALLEST) for path in paths]

    def doubt(self, controls: Collection[int]) -> None:
        """These count as changed at the next look; the throttle still holds."""
        for row in self._last:
            for control in controls:
                row[control].position = math.nan

    def forget(self, controls: Collection[int] = range(len(CONTROL_NAMES))) -> None:
        """Let these controls be due at the next look, changed or not."""
        for row in self._last:
            for control in controls:
                row[control] = _Last()
        if isinstance(self.bridge, Forgetful):
            self.bridge.forget()

    def owe(self, packet: ControlPacket, names: tuple[str, ...]) -> None:
        """Put something in the line of a delayed bridge."""
        self.dropped += len(self._owed) == self._owed.maxlen
        self._owed.append(Owed(packet.t_ns + self.pace.delay_ns, packet, names))

    @property
    def next_due_ns(self) -> int | None:
        """When the first of the line is to be sent; None while nothing waits."""
        return self._owed[0].due_ns if self._owed else None

    @property
    def last_due_ns(self) -> int | None:
        return self._owed[-1].due_ns if self._owed else None

    def take_due(self, now_ns: int) -> list[Owed]:
        """What is to be sent by now, oldest first."""
        taken = []
        while self._owed and self._owed[0].due_ns <= now_ns:
            taken.append(self._owed.popleft())
        return taken

    def drop_owed(self) -> None:
        """Forget the line: after an immediate panic nothing older may follow."""
        self._owed.clear()
