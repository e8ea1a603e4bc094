"""Parallel walks through sessions, for training a recurrent net with the state it carries on stage.

A net trained on windows that all begin with an empty state fails when it plays for hours; one that is trained along
whole sessions, with a few sudden changes, plays both ways with the same weights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from choreo_pipelines.datasets.sessions import Places, SessionArrays, checked_lengths

RESET: Final = "reset"


class CarriedStreams:
    """`batch` lanes; each walks one session in adjoining chunks of `length` frames.

    Before each chunk a lane may change its place, and says so in "reset":
    - at its first chunk, and with probability `reset_share`, it goes to any place of any session, all equally likely;
    - where fewer than `length` frames are left, it begins another session, each equally likely, within its first
      `length` frames, so that chunks don't always fall on the same borders.
    In the long run every frame is seen equally often, but for the first and last `length` of a session; a session
    shorter than `length` is never visited.

    What `next(step)` gives depends on the sessions, the seed, the step and `state()` alone: training that is resumed
    with the saved state at the saved step sees what it would have seen.
    """

    def __init__(
        self, sessions: Sequence[SessionArrays], batch: int, length: int, seed: int, reset_share: float = 0.02
    ) -> None:
        """ValueError for sessions that don't fit together or are all too short, batch or length < 1, a share that is
        none, or an array called "reset"."""
        if batch < 1 or length < 1 or not 0 <= reset_share <= 1:
            raise ValueError(f"expected batch and length >= 1, share 0..1, found {batch}, {length}, {reset_share}")
        self.batch, self.length, self.seed, self.reset_share = batch, length, seed, reset_share
        self._sessions = tuple(sessions)
        self._lengths = checked_lengths(self._sessions)
        self._long_enough = np.flatnonzero(self._lengths >= length)
        if not self._long_enough.size:
            longest = int(self._lengths.max(initial=0))
            raise ValueError(f"no chunk of {length} frames in {len(self._lengths)} sessions, the longest of {longest}")
        if RESET in self._sessions[0]:
            raise ValueError(f"{RESET!r} is the name of what a lane says of itself, an array can't have it")
        self._places = Places(np.maximum(0, self._lengths - length + 1))
        self._session = np.full(batch, _NOWHERE)
        self._frame = np.zeros(batch, np.int64)

    def next(self, step: int) -> dict[str, torch.Tensor]:
        """The chunk of each lane, name -> [B, length, ...], and "reset", bool [B]: the carried state is to be cleared
        before this chunk. Lanes move on; `step` >= 0 seeds what they draw."""
        reset = self._move(step)
        cuts = [
            (s, slice(f, f + self.length)) for s, f in zip(self._session.tolist(), self._frame.tolist(), strict=True)
        ]
        self._frame += self.length
        names = self._sessions[0]
        chunk = {name: torch.from_numpy(np.stack([self._sessions[s][name][cut] for s, cut in cuts])) for name in names}
        return {**chunk, RESET: torch.from_numpy(reset)}

    def state(self) -> dict[str, NDArray[np.int64]]:
        """Where the lanes stand: the session of each, -1 before its first chunk, and the frame that comes next."""
        return {"session": self._session.copy(), "frame": self._frame.copy()}

    def load_state(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Put the lanes where they stood; ValueError for a state of other lanes or sessions."""
        session, frame = (np.array(state[name], np.int64) for name in ("session", "frame"))
        if session.shape != (self.batch,) or frame.shape != (self.batch,):
            raise ValueError(f"expected the state of {self.batch} lanes, found {session.shape} and {frame.shape}")
        placed = session != _NOWHERE
        known = np.isin(session[placed], self._long_enough)
        if not known.all() or (frame < 0).any() or (frame[placed] > self._lengths[session[placed]]).any():
            raise ValueError("the state is not of these sessions: a lane stands where there is no frame")
        self._session, self._frame = session, frame

    def _move(self, step: int) -> NDArray[np.bool_]:
        """Which lanes change their place before this chunk; they stand at the new one then."""
        # Each lane draws all four numbers whether it needs them or not, so no lane's luck depends on another's.
        rng = np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=(step,)))
        coin = rng.random(self.batch)
        place = rng.integers(len(self._places), size=self.batch)
        another = self._long_enough[rng.integers(self._long_enough.size, size=self.batch)]
        margin = np.minimum(self.length, self._lengths[another] - self.length + 1)
        offset = np.floor(rng.random(self.batch) * margin).astype(np.int64)

        away = (self._session == _NOWHERE) | (coin < self.reset_share)
        ended = ~away & (self._frame + self.length > self._lengths[self._session])
        session, start = self._places.locate(place)
        self._session = np.where(away, session, np.where(ended, another, self._session))
        self._frame = np.where(away, start, np.where(ended, offset, self._frame))
        reset: NDArray[np.bool_] = away | ended
        return reset


_NOWHERE: Final = -1
