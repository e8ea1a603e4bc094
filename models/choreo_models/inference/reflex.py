"""M2 and M3 on stage: the latent on its common scale, and the controls it plays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from choreo_models.checkpoint import CheckpointError, Weights
from choreo_models.inference.grid import Grid
from choreo_models.inference.kernels import ReflexKernel
from choreo_models.normaliser import LatentNormalizer
from choreo_service.packets import CONTROL_NAMES, LATENT_DIM, FloatArray, Frame, Latent

MEAN, SD = "latents.mean", "latents.sd"  # names of M2's statistics in the checkpoint, [104] each
NEUTRAL: Final = 0.5


class LatentScale:
    """Normaliser of the service: M2 frozen on the training latents.

    The performer's own statistics act on the features before M1; adapting here as well gained nothing across
    performers and forgot a loud section.
    """

    def __init__(self, weights: Weights, *, performers: int) -> None:
        for name in (MEAN, SD):
            if name not in weights or weights[name].shape != (LATENT_DIM,):
                raise CheckpointError(f"the weights hold no {name} of {LATENT_DIM} numbers")
        if not (weights[SD] > 0).all():
            raise CheckpointError(f"{SD}: expected deviations above 0")
        self._statistics = LatentNormalizer(weights[MEAN], weights[SD], rows=performers)
        self.reset()

    def step(self, latent: Latent, frame: Frame) -> FloatArray:
        return self.apply(latent.z)

    def apply(self, z: FloatArray) -> FloatArray:
        """Latents [B, 104], or [T, 104] with one performer, on the common scale."""
        return self._statistics.apply(z)

    def state(self) -> Mapping[str, Any]:
        return self._statistics.state_dict()

    def load_state(self, state: Mapping[str, Any]) -> None:
        self._statistics.load_state_dict(state)

    def reset(self) -> None:
        self._statistics.reset()
        self._statistics.freeze()


class Reflex:
    """Mapper of the service: the GRU with its state carried from tick to tick."""

    def __init__(self, kernel: ReflexKernel, *, performers: int, grid: Grid) -> None:
        self._kernel, self._grid, self._performers = kernel, grid, performers
        self.reset()

    def reset(self) -> None:
        self._grid.reset()
        self._h = np.zeros((self._performers, self._kernel.hidden), dtype=np.float32)
        self._controls = np.full((self._performers, len(CONTROL_NAMES)), NEUTRAL, dtype=np.float32)

    def step(self, z_norm: FloatArray, dk: int) -> FloatArray:
        for _ in range(self._grid.due(dk)):
            self._controls, self._h = self._kernel.reflex(z_norm, self._h)
        return self._controls.copy()

    def state(self) -> Mapping[str, Any]:
        return {"h": self._h.copy(), "controls": self._controls.copy(), "grid": self._grid.state()}

    def load_state(self, state: Mapping[str, Any]) -> None:
        self._h = np.array(state["h"], dtype=np.float32).reshape(self._h.shape)
        self._controls = np.array(state["controls"], dtype=np.float32).reshape(self._controls.shape)
        self._grid.load_state(state["grid"])
