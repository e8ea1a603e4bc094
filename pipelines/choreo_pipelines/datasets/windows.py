"""Sliding windows over many sessions, cut out of memory-mapped arrays when they are asked for."""

from __future__ import annotations

import operator
from collections.abc import Sequence

import numpy as np
import torch
from torch.utils.data import Dataset  # noqa: TID251 - this is where training lives

from choreo_pipelines.datasets.sessions import Places, SessionArrays, checked_lengths


class SessionWindowDataset(Dataset[dict[str, torch.Tensor]]):
    """Item i is a contiguous slice of `window` frames of one session, as name -> tensor [window, ...].

    A session of T frames gives (T - window) // stride + 1 windows, beginning at frames 0, stride, 2 stride ...; one
    shorter than a window gives none, and no window spans two sessions. Windows of 20 to 50 frames are usual, any >= 1
    goes. Sessions are mappings of equally long arrays, of the same names and types throughout. Only the window is
    copied. Sessions from `map_arrays` go to a worker process as paths; plain arrays would go as copies of themselves.
    """

    def __init__(self, sessions: Sequence[SessionArrays], window: int = 50, stride: int = 1) -> None:
        """ValueError for sessions that don't fit together, window or stride < 1, or no window at all."""
        if window < 1 or stride < 1:
            raise ValueError(f"expected window >= 1 and stride >= 1, found {window} and {stride}")
        self.window, self.stride = window, stride
        self._sessions = tuple(sessions)
        lengths = checked_lengths(self._sessions)
        self._places = Places(np.maximum(0, (lengths - window) // stride + 1))
        if not len(self._places):
            longest = int(lengths.max(initial=0))
            raise ValueError(f"no window of {window} frames in {len(lengths)} sessions, the longest of {longest}")

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        """Negative indices count from the end; IndexError beyond either end."""
        session, start = self.place(index)
        cut = slice(start, start + self.window)
        # A tensor can't be read-only as a mapped array is, so it gets a copy of the slice.
        return {name: torch.from_numpy(array[cut].copy()) for name, array in self._sessions[session].items()}

    def place(self, index: int) -> tuple[int, int]:
        """(session, first frame) of window `index`; IndexError as for an item."""
        i = operator.index(index)
        if not -len(self) <= i < len(self):
            raise IndexError(f"window {i} of {len(self)}")
        session, before = self._places.locate(np.array([i % len(self)]))
        return int(session[0]), int(before[0]) * self.stride
