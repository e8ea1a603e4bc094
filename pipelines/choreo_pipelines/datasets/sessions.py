"""What windows and streams have in common: sessions of named arrays, and the places in them where a cut may begin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

SessionArrays = Mapping[str, NDArray[Any]]  # name -> [T, ...], all of one T


def checked_lengths(sessions: Sequence[SessionArrays]) -> NDArray[np.int64]:
    """[S] frames of each session.

    ValueError when the arrays of a session differ in length, or sessions in names, types or what follows the time axis.
    """
    for s, session in enumerate(sessions):
        if len({len(array) for array in session.values()}) != 1:
            found = {name: len(array) for name, array in session.items()}
            raise ValueError(f"session {s}: expected arrays of one length, found {found}")
        if (found_kind := _kind(session)) != (expected := _kind(sessions[0])):
            raise ValueError(f"session {s}: expected {expected} as in session 0, found {found_kind}")
    return np.array([len(next(iter(session.values()))) for session in sessions], np.int64)


class Places:
    """Numbers 0..n-1 for the places in sessions where a cut may begin, `counts` [S] of them in each session.

    No list of places is made: a number is looked up in the cumulative counts.
    """

    def __init__(self, counts: NDArray[np.int64]) -> None:
        self._first = np.concatenate(([0], np.cumsum(counts)))

    def __len__(self) -> int:
        return int(self._first[-1])

    def locate(self, places: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(session, how many places of it come before) of each number; sessions without a place are passed over."""
        session = np.searchsorted(self._first, places, side="right") - 1
        return session, places - self._first[session]


def _kind(session: SessionArrays) -> dict[str, str]:
    return {name: f"{array.dtype}{list(array.shape[1:])}" for name, array in sorted(session.items())}
