"""M3: a GRU reflex from the normalised latent to five control positions."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from choreo_service.packets import CONTROL_NAMES, LATENT_DIM


class GRUMapper(nn.Module):
    """Normalised latents in, control positions 0..1 out, in the order of CONTROLS.

    Trained with carried state, so that the same weights serve tick by tick and over windows of 10 to 100 frames.
    """

    def __init__(self, x_dim: int = LATENT_DIM, hidden: int = 96, out_dim: int = len(CONTROL_NAMES)) -> None:
        super().__init__()
        self.hidden = hidden
        self.gru = nn.GRU(x_dim, hidden, batch_first=True)
        self.head = nn.Linear(hidden, out_dim)

    def forward(self, x: Tensor) -> Tensor:
        """A window [B, T, x_dim] from rest -> the controls of its last frame [B, out_dim]."""
        return self.sequence(x)[0][:, -1]

    def sequence(self, x: Tensor, h: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """[B, T, x_dim] and the state before it [B, hidden] -> controls of every frame [B, T, out_dim], state after."""
        states, last = self.gru(x, None if h is None else h[None])
        return torch.sigmoid(self.head(states)), last[0]

    def step(self, x: Tensor, h: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """One frame [B, x_dim] and the state before it [B, hidden] -> controls [B, out_dim], state after."""
        controls, h = self.sequence(x[:, None], h)
        return controls[:, 0], h
