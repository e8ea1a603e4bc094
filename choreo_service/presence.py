"""Which modalities of each performer are there: the one state machine of sensors that fall silent and return.

LIVE -> HELD (the last valid value stands) -> MISSING (masked; M1 tells it from the others) -> RECOVERING (samples come
again, too few yet to be believed) -> LIVE. All times and counts are those of MODALITIES. Pure: the state at a time
depends on when valid samples were received, not on who asked when, so replay reproduces it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from choreo_service.clock import NS
from choreo_service.packets import MODALITIES, BoolArray, FloatArray, Frame, ModalityState, StateArray

UNHEARD_AFTER_S: Final = 3.0  # with every modality missing

_TABLE: Final = tuple(MODALITIES.values())
_HOLD_AFTER_NS: Final = np.array([m.hold_after_s * NS for m in _TABLE])
_LOST_AFTER_NS: Final = np.array([np.inf if m.free_running else m.missing_after_s * NS for m in _TABLE])
_RECOVER_WITHIN_NS: Final = [m.recover_within_s * NS for m in _TABLE]
_UNHEARD_AFTER_S: Final = np.array([m.missing_after_s + UNHEARD_AFTER_S for m in _TABLE], dtype=np.float32)
# As arrays: numpy takes as long to convert a Python number as to calculate with it, and all this happens every tick.
_NONE_NS, _SECOND_NS = np.array(0.0), np.array(float(NS))
_MASKED: Final = np.array(
    ModalityState.RECOVERING, np.uint8
)  # RECOVERING and MISSING are LIVE and HELD behind the mask


class Presence:
    """The states of B performers' modalities."""

    def __init__(self, performers: int) -> None:
        self._performers = performers
        self.reset()

    def reset(self) -> None:
        shape = (self._performers, len(_TABLE))
        self._seen_ns = np.full(shape, -np.inf)  # reception of the last valid sample; float64 is exact for 104 days
        self._there = np.tile([m.free_running for m in _TABLE], (self._performers, 1))  # believed when last heard
        self._recent = [[_none_yet(i) for i in range(len(_TABLE))] for _ in range(self._performers)]

    def hear(self, performer: int, modality: int, t_ns: int) -> None:
        """A valid sample was received at `t_ns`. Samples of one instant count once; one that comes late makes nothing
        older."""
        silence_ns = t_ns - self._seen_ns[performer, modality]
        if silence_ns <= 0.0:
            return
        self._seen_ns[performer, modality] = t_ns
        if self._there[performer, modality] and silence_ns <= _LOST_AFTER_NS[modality]:
            return
        recent = self._recent[performer][modality]
        recent.append(t_ns)
        enough = len(recent) == recent.maxlen and t_ns - recent[0] <= _RECOVER_WITHIN_NS[modality]
        self._there[performer, modality] = enough
        if enough:
            recent.clear()

    def at(self, t_ns: int) -> tuple[StateArray, FloatArray]:
        """([B, 4] states, [B, 4] s since the last valid sample, inf if never) at `t_ns`. Changes nothing."""
        age_ns = np.asarray(float(t_ns)) - self._seen_ns
        np.maximum(age_ns, _NONE_NS, out=age_ns)
        masked = age_ns > _LOST_AFTER_NS
        masked |= ~self._there
        state: StateArray = masked * _MASKED
        state += age_ns > _HOLD_AFTER_NS
        age_ns /= _SECOND_NS
        return state, age_ns.astype(np.float32)

    def state(self) -> Mapping[str, Any]:
        return {
            "seen_ns": self._seen_ns.copy(),
            "there": self._there.copy(),
            "recent": [[list(times) for times in row] for row in self._recent],
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        self._seen_ns = np.array(state["seen_ns"], dtype=np.float64)
        self._there = np.array(state["there"], dtype=np.bool_)
        self._recent = [[_none_yet(i, times) for i, times in enumerate(row)] for row in state["recent"]]


def unheard(frame: Frame) -> BoolArray:
    """[B] whether nothing at all was heard of a performer for UNHEARD_AFTER_S since its last modality went missing,
    or ever. A clock of our own is nobody's sign of life."""
    silent: BoolArray = np.logical_and.reduce(frame.age_s > _UNHEARD_AFTER_S, axis=1)
    return silent


def _none_yet(modality: int, times: Any = ()) -> deque[int]:
    """The samples of a modality that is not believed yet."""
    return deque(times, maxlen=_TABLE[modality].recover_samples)
