"""What the training loop needs to know of a network and its data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import torch
from numpy.typing import NDArray


class Task(Protocol):
    """What is trained, on what, and how it is judged. Its tensors live on `resolve_device(settings.device)`."""

    def modules(self) -> torch.nn.Module:
        """Everything that is trained or carries buffers; its state dict is the result. Always the same object."""
        ...

    def loss(self, step: int, generator: torch.Generator) -> Mapping[str, torch.Tensor]:
        """The terms of step 0..: "loss" is minimised, the others are logged; scalars, the same names at every step.

        Called in train mode. Random numbers come from `generator` (a CPU generator) or torch's global ones alone.
        """
        ...

    def after_step(self) -> None:
        """Project the weights, or do nothing. Called without gradients after each optimiser step."""
        ...

    def validate(self) -> Mapping[str, float]:
        """Metrics on unseen performers, the same names each time. Called in eval mode, without gradients.

        It leaves what `state` returns as it was.
        """
        ...

    def state(self) -> Mapping[str, NDArray[Any]]:
        """What one step hands to the next beside the weights: carried hidden states, places in the sessions."""
        ...

    def load_state(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Go on from what `state` returned."""
        ...
