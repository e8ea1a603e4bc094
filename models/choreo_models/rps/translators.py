"""M1's translators: what each modality's block should be, said by the other three."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn

from choreo_service.packets import LATENT_DIM, MODALITIES

MAX_NORM: Final = 0.9


class Translator(nn.Module):
    """[N, 104] -> [N, d]: linear, and blind to the block it predicts (leave-one-out).

    The own columns are zero in the weight that is used and in the weight that is saved: a translator that may see its
    own block copies it and knows nothing when that modality is missing.
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        self.block = MODALITIES[name].latent
        self.linear = nn.Linear(LATENT_DIM, self.block.stop - self.block.start)
        self.project(float("inf"))

    def forward(self, z: Tensor) -> Tensor:
        own = slice(self.block.start, self.block.stop)
        others = torch.cat((z[..., : own.start], torch.zeros_like(z[..., own]), z[..., own.stop :]), dim=-1)
        out: Tensor = self.linear(others)
        return out

    @torch.no_grad()
    def project(self, limit: float) -> None:
        """Own columns to zero, singular values to at most `limit`."""
        weight = self.linear.weight
        weight[:, self.block] = 0.0
        if limit == float("inf"):
            return
        u, s, vh = torch.linalg.svd(weight, full_matrices=False)
        if s[0] > limit:
            weight.copy_(u @ torch.diag(s.clamp(max=limit)) @ vh)
            weight[:, self.block] = 0.0


def make_translators() -> nn.ModuleDict:
    """One per modality, 104 -> its width."""
    return nn.ModuleDict({name: Translator(name) for name in MODALITIES})


def spectral_clamp(translators: nn.ModuleDict, limit: float = MAX_NORM) -> None:
    """Project every translator onto largest singular value <= `limit`. Call it after each optimiser step.

    With the present blocks held fixed, one missing block then moves toward its translation for any norm, two missing
    ones contract because each is below 1.
    """
    for translator in translators.values():
        if not isinstance(translator, Translator):
            raise TypeError(f"expected a Translator, found {type(translator).__name__}")
        translator.project(limit)


def translate(latents: Tensor, translators: nn.ModuleDict, memory: Tensor | None = None) -> Tensor:
    """All blocks as the others predict them, [N, 104]. `memory` [N, 104] is what the heart's translator reads instead:
    a heart follows what the body did over the last seconds, not what it does now."""
    slow = latents if memory is None else memory
    return torch.cat([t(slow if name == "heart" else latents) for name, t in translators.items()], dim=-1)


def rps_prox_step(latents: Tensor, translators: nn.ModuleDict, alpha: float = 0.2) -> Tensor:
    """One proximal step toward coherence, z' = z - alpha (z - T(z)), [N, 104].

    Its residual shrinks for random translators too, so a falling residual is no evidence of anything learnt.
    """
    return latents + alpha * (translate(latents, translators) - latents)


def modality_dropout(latents: Tensor, p: float = 0.2, generator: torch.Generator | None = None) -> Tensor:
    """Each block of each row is zero with probability `p`, [N, 104]."""
    if not 0.0 <= p < 1.0:
        raise ValueError(f"p: expected 0 <= p < 1, found {p}")
    coins = torch.rand(*latents.shape[:-1], len(MODALITIES), generator=generator)  # on the generator's device
    widths = torch.tensor([m.latent.stop - m.latent.start for m in MODALITIES.values()], device=latents.device)
    return latents * (coins.to(latents.device) >= p).repeat_interleave(widths, dim=-1)
