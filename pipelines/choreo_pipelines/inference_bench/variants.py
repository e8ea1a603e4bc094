"""The ways to run the same nets at every tick, behind one call."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final, Protocol

import numpy as np
import torch
from torch import Tensor

from choreo_models.inference import Pair, Players, make_players
from choreo_models.inference.masks import BLOCK_OF
from choreo_models.inference.reflex import MEAN, SD
from choreo_models.inference.standardise import FeatureScaler
from choreo_models.inference.torch_kernel import TorchCoherence, TorchReflex, mapper_of, rps_of
from choreo_service.packets import FEATURE_COLUMNS, MODALITIES, FloatArray, Frame

NUMPY: Final = "numpy stateful"
TORCH: Final = "torch stateful"
WINDOWED: Final = "torch window of 50"
WINDOW: Final = 50  # frames


class Variant(Protocol):
    """One way from a frame to the controls, feature normalisation included."""

    def step(self, frame: Frame) -> tuple[FloatArray, FloatArray]:
        """The latent [B, 104] and the control positions [B, 5] of this tick."""
        ...


def make_variants(pair: Pair, performers: int) -> Mapping[str, Variant]:
    """All of them from rest, NUMPY first; a frame per step of the nets."""
    weights, mapper = pair.rps.weights, pair.mapper.weights
    kernels = TorchCoherence(rps_of(weights)), TorchReflex(mapper_of(mapper))
    period_s = 1.0 / pair.rps.hz
    return {
        NUMPY: Stateful(make_players(pair, performers=performers, period_s=period_s)),
        TORCH: Stateful(make_players(pair, performers=performers, period_s=period_s, kernels=kernels)),
        WINDOWED: Windowed(pair, performers=performers),
    }


@contextmanager
def one_thread() -> Iterator[None]:
    """Torch on one thread, as beside a running tick; a second one gains nothing on nets of this size."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class Stateful:
    """The parts of the service, called as its engine calls them."""

    def __init__(self, players: Players) -> None:
        self._players = players

    def step(self, frame: Frame) -> tuple[FloatArray, FloatArray]:
        players = self._players
        latent = players.coherence.step(frame)
        z_norm = players.normaliser.step(latent, frame)
        return latent.z, players.mapper.step(z_norm, frame.dk)


class Windowed:
    """The naive way: no state but the last WINDOW frames, all of which go through M1 and M3 again at every tick.

    A missing block is its translation at once, without the hand-over of the stateful way, and the GRU begins every
    window at rest: the controls are close to the stateful ones, not equal.
    """

    def __init__(self, pair: Pair, *, performers: int) -> None:
        weights = pair.rps.weights
        self._rps, self._mapper = rps_of(weights).eval(), mapper_of(pair.mapper.weights).eval()
        self._scaler = FeatureScaler.of(weights, performers=performers)
        self._mean, self._sd = (torch.from_numpy(np.array(weights[name])) for name in (MEAN, SD))
        self._x = np.zeros((performers, WINDOW, len(FEATURE_COLUMNS)), np.float32)
        self._there = np.zeros((performers, WINDOW, len(MODALITIES)), np.bool_)
        self._is_empty = True

    @torch.inference_mode()
    def step(self, frame: Frame) -> tuple[FloatArray, FloatArray]:
        self._push(self._scaler.step(frame.features(), frame.present, 1.0), frame)
        rows, frames, columns = self._x.shape
        encoded = self._rps.encode(torch.from_numpy(self._x.reshape(-1, columns)))
        there = torch.from_numpy(self._there[..., BLOCK_OF].reshape(encoded.shape))
        z = torch.where(there, encoded, self._rps.translate(encoded, encoded))
        controls = self._mapper(((z - self._mean) / self._sd).reshape(rows, frames, -1))
        return _numpy(z.reshape(rows, frames, -1)[:, -1]), _numpy(controls)

    def _push(self, x: FloatArray, frame: Frame) -> None:
        if self._is_empty:  # filled with the first frame, so that the first ticks cost what all others do
            self._x[:], self._there[:] = x[:, None], frame.present[:, None]
            self._is_empty = False
        self._x[:, :-1], self._there[:, :-1] = self._x[:, 1:], self._there[:, 1:]
        self._x[:, -1], self._there[:, -1] = x, frame.present


def _numpy(x: Tensor) -> FloatArray:
    out: FloatArray = x.numpy().copy()
    return out
