"""The nets as they were trained, torch eager: the reference the numpy kernels are held against, and its stand-in."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import torch

from choreo_models.checkpoint import CheckpointError, Weights
from choreo_models.mapper import GRUMapper
from choreo_models.rps import RPS
from choreo_service.packets import FloatArray

_Net = TypeVar("_Net", bound=torch.nn.Module)


class TorchCoherence:
    """CoherenceKernel of a net, trained or in training. One thread and warm-up are the caller's choice."""

    def __init__(self, rps: RPS) -> None:
        self._rps = rps.eval()

    @torch.inference_mode()
    def encode(self, x: FloatArray) -> FloatArray:
        return _numpy(self._rps.encode(torch.from_numpy(x)))

    @torch.inference_mode()
    def translate(self, z: FloatArray, memory: FloatArray) -> FloatArray:
        return _numpy(self._rps.translate(torch.from_numpy(z), torch.from_numpy(memory)))


class TorchReflex:
    """ReflexKernel of a net, likewise."""

    def __init__(self, mapper: GRUMapper) -> None:
        self._mapper = mapper.eval()
        self.hidden = mapper.hidden

    @torch.inference_mode()
    def reflex(self, x: FloatArray, h: FloatArray) -> tuple[FloatArray, FloatArray]:
        controls, state = self._mapper.step(torch.from_numpy(x), torch.from_numpy(h))
        return _numpy(controls), _numpy(state)


def rps_of(weights: Weights) -> RPS:
    """The net a checkpoint's weights belong to; CheckpointError where they don't fit."""
    first = weights.get("encoders.motion.first.weight")
    model = RPS(hidden=1 if first is None else len(first))
    parts = {name for name, _ in model.named_children()}
    return _loaded(model, {name: value for name, value in weights.items() if name.split(".")[0] in parts})


def mapper_of(weights: Weights) -> GRUMapper:
    """M3's net, likewise."""
    recurrent = weights.get("gru.weight_hh_l0")
    return _loaded(GRUMapper(hidden=1 if recurrent is None else recurrent.shape[1]), dict(weights))


def weights_of(model: torch.nn.Module) -> dict[str, FloatArray]:
    """Every float parameter and buffer by name."""
    state = model.state_dict()
    return {name: _numpy(value).astype(np.float32) for name, value in state.items() if value.is_floating_point()}


def _loaded(model: _Net, weights: dict[str, FloatArray]) -> _Net:
    tensors = {name: torch.from_numpy(np.array(value)) for name, value in weights.items()}
    missing = model.load_state_dict(tensors, strict=False)
    needed = [name for name in missing.missing_keys if not name.endswith("num_batches_tracked")]
    if needed or missing.unexpected_keys:
        raise CheckpointError(f"the weights miss {needed} and hold unknown {missing.unexpected_keys}")
    return model


def _numpy(x: torch.Tensor) -> FloatArray:
    out: FloatArray = x.detach().cpu().numpy()
    return out
