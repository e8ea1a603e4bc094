"""The book of what was lost and came back: the modalities of each performer, and whoever nothing at all is heard of."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from choreo_service.clock import NS
from choreo_service.packets import MODALITY_NAMES, Frame
from choreo_service.presence import unheard

ANYTHING: Final = "anything"  # stands beside the modalities: lost when nothing at all is heard of the performer
NAMES: Final = (*MODALITY_NAMES, ANYTHING)

Key = tuple[int, str]  # performer, one of NAMES


class Absences:
    """Fed with every tick's frame. Keeps counts and not events, so that hours of a weak link cost nothing.

    Only what has once been there can be lost.
    """

    def __init__(self, performers: int) -> None:
        shape = (performers, len(NAMES))
        self._there = np.zeros(shape, dtype=np.bool_)
        self._situation = b""  # of the last tick, in which nothing is lost or comes back while it stays the same
        self._ever = np.zeros(shape, dtype=np.bool_)
        self._times = np.zeros(shape, dtype=np.int64)
        self._since_ns = np.zeros(shape, dtype=np.int64)  # 0 = not lost
        self._last_ns = np.zeros(shape, dtype=np.int64)  # length of the last absence that is over
        self._over_ns = np.zeros(shape, dtype=np.int64)  # of all that are over

    def observe(self, frame: Frame) -> None:
        """One tick."""
        silent = unheard(frame)
        situation = frame.state.tobytes() + silent.tobytes()
        if situation == self._situation:
            return
        self._situation = situation
        there = np.concatenate((frame.present, ~silent[:, None]), axis=1)
        lost, back = self._there & ~there, there & (self._since_ns > 0)
        self._times += lost
        self._last_ns = np.where(back, frame.t_ns - self._since_ns, self._last_ns)
        self._over_ns += np.where(back, self._last_ns, 0)
        self._since_ns = np.where(lost, frame.t_ns, np.where(back, 0, self._since_ns))
        self._ever |= there
        self._there = there

    @property
    def losses(self) -> int:
        """How often a modality was lost so far, all performers."""
        return int(self._times[:, :-1].sum())

    def ever(self) -> set[Key]:
        """What has been there at least once."""
        return {(int(b), NAMES[i]) for b, i in np.argwhere(self._ever)}

    def lost(self) -> dict[Key, int]:
        """What is gone now, and the tick (ns) since when."""
        return {(int(b), NAMES[i]): int(self._since_ns[b, i]) for b, i in np.argwhere(self._since_ns)}

    def last_s(self, key: Key) -> float:
        """How long the last absence took that is over; 0 if there was none."""
        return float(self._last_ns[key[0], NAMES.index(key[1])]) / NS

    def counts(self, t_ns: int) -> list[dict[str, dict[str, Any]]]:
        """Per performer, for what was ever lost: how often, and the seconds it was gone until `t_ns`. JSON types."""
        gone_ns = self._over_ns + np.where(self._since_ns > 0, t_ns - self._since_ns, 0)
        return [
            {
                name: {"lost": int(times), "gone_s": round(float(ns) / NS, 2)}
                for name, times, ns in zip(NAMES, self._times[b], gone_ns[b], strict=True)
                if times
            }
            for b in range(len(self._times))
        ]
