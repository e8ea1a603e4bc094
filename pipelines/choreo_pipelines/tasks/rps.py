"""Training M1 on standardised features: leave-one-out prediction, anchored by decoding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from choreo_models.rps import RPS, coherence_loss, spectral_clamp
from choreo_pipelines.datasets.sessions import Places, SessionArrays
from choreo_pipelines.evaluation.coherence import block_numbers
from choreo_pipelines.training.settings import resolve_device


@dataclass(frozen=True, slots=True)
class RPSSettings:
    """What M1 is made of and how it is taught."""

    hidden: int = 64  # of the encoders
    batch: int = 512  # frames per step
    dropout: float = 0.2  # of whole modalities
    targets_learn: bool = False  # variant C3: a smaller error, a latent that is read worse

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


class RPSTask:
    """Task of the training loop; `train` and `validation` are sessions with the arrays x and memory, [T, 11]."""

    def __init__(
        self,
        train: Sequence[SessionArrays],
        validation: Sequence[SessionArrays],
        settings: RPSSettings,
        *,
        seed: int,
        device: str = "cpu",
    ) -> None:
        self._train, self._settings = train, settings
        self._places = Places(np.array([len(s["x"]) for s in train]))
        self._device = resolve_device(device)
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self._model = RPS(settings.hidden).to(self._device)
        self._validation = tuple(np.concatenate([s[name][::_EVERY] for s in validation]) for name in ("x", "memory"))

    def modules(self) -> RPS:
        return self._model

    def loss(self, step: int, generator: torch.Generator) -> Mapping[str, torch.Tensor]:
        places = torch.randint(len(self._places), (self._settings.batch,), generator=generator).numpy()
        sessions, frames = self._places.locate(places)
        x, memory = (self._gather(name, sessions, frames) for name in ("x", "memory"))
        settings = self._settings
        return coherence_loss(
            self._model, x, memory, dropout=settings.dropout, targets_learn=settings.targets_learn, generator=generator
        )

    def after_step(self) -> None:
        spectral_clamp(self._model.translators)

    def validate(self) -> Mapping[str, float]:
        numbers = block_numbers(self._model, *self._validation)
        return {f"nmse_{name}": block.nmse for name, block in numbers.items()}

    def state(self) -> Mapping[str, NDArray[Any]]:
        return {}

    def load_state(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Nothing is carried: every step draws its frames anew."""

    def _gather(self, name: str, sessions: NDArray[Any], frames: NDArray[Any]) -> torch.Tensor:
        rows = np.empty((len(sessions), self._train[0][name].shape[1]), np.float32)
        for session in np.unique(sessions):
            mine = sessions == session
            rows[mine] = self._train[session][name][frames[mine]]
        return torch.from_numpy(rows).to(self._device)


_EVERY = 5  # frames: neighbours at 50 Hz are near-identical
