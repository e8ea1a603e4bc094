"""Training M3 along whole sessions with the state it carries on stage, toward the teacher's controls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from choreo_models.losses import BEAT, SMOOTHNESS, mapper_loss
from choreo_models.mapper import GRUMapper
from choreo_pipelines.datasets.sessions import SessionArrays
from choreo_pipelines.datasets.streams import RESET, CarriedStreams
from choreo_pipelines.evaluation.mapper import carried
from choreo_pipelines.training.settings import resolve_device


@dataclass(frozen=True, slots=True)
class MapperSettings:
    """What M3 is made of and how it is taught."""

    hidden: int = 96
    lanes: int = 32  # sessions walked side by side
    window: int = 50  # frames back-propagated through
    resets: float = 0.1  # share of chunks that begin from rest, elsewhere: a short memory must do as well as a long one
    smoothness: float = SMOOTHNESS
    beat: float = BEAT

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


class MapperTask:
    """Task of the training loop; sessions have the arrays z [T, 104] normalised, targets [T, 5] and phase [T]."""

    def __init__(
        self,
        train: Sequence[SessionArrays],
        validation: Sequence[SessionArrays],
        settings: MapperSettings,
        *,
        seed: int,
        hz: float,
        device: str = "cpu",
    ) -> None:
        self._settings, self._hz, self._validation = settings, hz, validation
        self._streams = CarriedStreams(train, settings.lanes, settings.window, seed, settings.resets)
        self._device = resolve_device(device)
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self._model = GRUMapper(hidden=settings.hidden).to(self._device)
        self._h = torch.zeros(settings.lanes, settings.hidden, device=self._device)

    def modules(self) -> GRUMapper:
        return self._model

    def loss(self, step: int, generator: torch.Generator) -> Mapping[str, torch.Tensor]:
        chunk = {name: value.to(self._device) for name, value in self._streams.next(step).items()}
        h = torch.where(chunk[RESET][:, None], 0.0, self._h)
        controls, last = self._model.sequence(chunk["z"], h)
        self._h = last.detach()
        settings = self._settings
        return mapper_loss(
            controls, chunk["targets"], chunk["phase"], hz=self._hz, smoothness=settings.smoothness, beat=settings.beat
        )

    def after_step(self) -> None:
        """No projection: the gates bound the state."""

    def validate(self) -> Mapping[str, float]:
        errors = [np.square(carried(self._model, s["z"]) - s["targets"]).mean(axis=0) for s in self._validation]
        return {"mse": float(np.mean(errors))}

    def state(self) -> Mapping[str, NDArray[Any]]:
        return {"h": self._h.cpu().numpy(), **self._streams.state()}

    def load_state(self, state: Mapping[str, NDArray[Any]]) -> None:
        self._h = torch.from_numpy(np.array(state["h"])).to(self._device)
        self._streams.load_state({name: value for name, value in state.items() if name != "h"})
