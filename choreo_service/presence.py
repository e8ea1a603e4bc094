"""Which modalities of each performer are there: the one state machine of sensors that fall silent and return.

LIVE -> HELD (the last valid value stands) -> MISSING (masked; M1 tells it from the others) -> RECOVERING (samples come
again, too few yet to be believed) -> LIVE. All times and counts are those of MODALITIES. Pure: the state at a time
depends on when valid samples were received, not on who asked when, so replay reproduces it.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from choreo_service.clock import NS
from choreo_service.flags import any_true
from choreo_service.packets import MODALITIES, BoolArray, FloatArray, Frame, ModalityState, StateArray

UNHEARD_AFTER_S: Final = 3.0  # with every modality missing

_TABLE: Final = tuple(MODALITIES.values())
_HOLD_AFTER_NS: Final = [m.hold_after_s * NS for m in _TABLE]
_LOST_AFTER_NS: Final = [math.inf if m.free_running else m.missing_after_s * NS for m in _TABLE]
_RECOVER_WITHIN_NS: Final = [m.recover_within_s * NS for m in _TABLE]
_UNHEARD_AFTER_S: Final = np.array([m.missing_after_s + UNHEARD_AFTER_S for m in _TABLE], dtype=np.float32)
_FIRST_UNHEARD_AFTER_S: Final = np.asarray(_UNHEARD_AFTER_S[0])  # an array: what numpy need not convert every tick
_MASKED: Final = int(ModalityState.RECOVERING)  # RECOVERING and MISSING are LIVE and HELD behind the mask


class Presence:
    """The states of B performers' modalities.

    Plain floats: for one performer a dozen arrays of four numbers would cost several times as much.
    """

    def __init__(self, performers: int) -> None:
        self._performers = performers
        self.reset()

    def reset(self) -> None:
        # Reception of the last valid sample; a float is exact for 104 days.
        self._seen_ns = [[-math.inf for _ in _TABLE] for _ in range(self._performers)]
        self._there = [[m.free_running for m in _TABLE] for _ in range(self._performers)]  # believed when last heard
        self._recent = [[_none_yet(i) for i in range(len(_TABLE))] for _ in range(self._performers)]

    def hear(self, performer: int, modality: int, t_ns: int) -> None:
        """A valid sample was received at `t_ns`. Samples of one instant count once; one that comes late makes nothing
        older."""
        seen_ns, there = self._seen_ns[performer], self._there[performer]
        silence_ns = t_ns - seen_ns[modality]
        if silence_ns <= 0.0:
            return
        seen_ns[modality] = float(t_ns)
        if there[modality] and silence_ns <= _LOST_AFTER_NS[modality]:
            return
        recent = self._recent[performer][modality]
        recent.append(t_ns)
        enough = len(recent) == recent.maxlen and t_ns - recent[0] <= _RECOVER_WITHIN_NS[modality]
        there[modality] = enough
        if enough:
            recent.clear()

    def at(self, t_ns: int) -> tuple[StateArray, FloatArray]:
        """([B, 4] states, [B, 4] s since the last valid sample, inf if never) at `t_ns`. Changes nothing."""
        now_ns = float(t_ns)
        rows = [_at(now_ns, seen_ns, there) for seen_ns, there in zip(self._seen_ns, self._there, strict=True)]
        states, ages_s = zip(*rows, strict=True)
        return np.array(states, dtype=np.uint8), np.array(ages_s, dtype=np.float32)

    def state(self) -> Mapping[str, Any]:
        return {
            "seen_ns": np.array(self._seen_ns),
            "there": np.array(self._there),
            "recent": [[list(times) for times in row] for row in self._recent],
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        self._seen_ns = np.array(state["seen_ns"], dtype=np.float64).tolist()
        self._there = np.array(state["there"], dtype=np.bool_).tolist()
        self._recent = [[_none_yet(i, times) for i, times in enumerate(row)] for row in state["recent"]]


def unheard(frame: Frame) -> BoolArray:
    """[B] whether nothing at all was heard of a performer for UNHEARD_AFTER_S since its last modality went missing,
    or ever. A clock of our own is nobody's sign of life."""
    silent: BoolArray = frame.age_s[:, 0] > _FIRST_UNHEARD_AFTER_S
    if any_true(silent):  # seldom, and whoever one modality hears is heard
        silent = np.logical_and.reduce(frame.age_s > _UNHEARD_AFTER_S, axis=1)
    return silent


def _at(now_ns: float, seen_ns: Sequence[float], there: Sequence[bool]) -> tuple[list[int], list[float]]:
    """(states, s since the last valid sample) of one performer's modalities."""
    states, ages_s = [], []
    for seen, believed, hold_after, lost_after in zip(seen_ns, there, _HOLD_AFTER_NS, _LOST_AFTER_NS, strict=True):
        age_ns = now_ns - seen if now_ns > seen else 0.0
        state = 0 if believed and age_ns <= lost_after else _MASKED
        states.append(state + 1 if age_ns > hold_after else state)
        ages_s.append(age_ns / NS)
    return states, ages_s


def _none_yet(modality: int, times: Any = ()) -> deque[int]:
    """The samples of a modality that is not believed yet."""
    return deque(times, maxlen=_TABLE[modality].recover_samples)
