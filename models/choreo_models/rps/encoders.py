"""M1's encoders: each modality's standardised features become a block of the 104-dim latent of unit total variance."""

from __future__ import annotations

import math
from typing import Final

import torch
from torch import Tensor, nn

from choreo_models.harmonics import BEATS_PER_BAR, HARMONICS
from choreo_service.packets import LATENT_DIM, MODALITIES, MODALITY_NAMES

DECODED: Final = {name: 2 * len(HARMONICS) if name == "beat" else m.width for name, m in MODALITIES.items()}


class TinyEncoder(nn.Module):
    """[N, in_dim] -> [N, out_dim]: two layers, then batch normalisation without gain, divided by sqrt(out_dim).

    Every block then has total variance 1: a translator of norm 0.9 can reach a wide block from a narrow one.
    """

    def __init__(self, in_dim: int, out_dim: int, hidden: int = 128) -> None:
        super().__init__()
        self.first = nn.Linear(in_dim, hidden)
        self.second = nn.Linear(hidden, out_dim)
        self.scale = nn.BatchNorm1d(out_dim, affine=False)
        self.out_dim = out_dim

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.scale(self.second(nn.functional.silu(self.first(x)))) / math.sqrt(self.out_dim)
        return out


class BeatEncoder(TinyEncoder):
    """beat_phase and beat_idx [N, 2]; a sawtooth has a jump no small net can learn, so it sees sines instead."""

    def __init__(self, out_dim: int, hidden: int = 128) -> None:
        super().__init__(2 * len(HARMONICS), out_dim, hidden)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(beat_harmonics(x))


def beat_harmonics(beat: Tensor) -> Tensor:
    """[..., 2] (beat_phase, beat_idx) -> [..., 8]: the sines, then the cosines of HARMONICS times the bar angle."""
    angle = (2.0 * math.pi / BEATS_PER_BAR) * (beat[..., 0] + beat[..., 1])
    angles = angle[..., None] * torch.tensor(HARMONICS, dtype=beat.dtype, device=beat.device)
    return torch.cat((torch.sin(angles), torch.cos(angles)), dim=-1)


def make_encoders(hidden: int = 128) -> nn.ModuleDict:
    """One encoder per modality: motion 6 -> 64, heart 2 -> 16, beat 2 -> 16, context 1 -> 8."""
    return nn.ModuleDict(
        {
            name: BeatEncoder(_width(name), hidden) if name == "beat" else TinyEncoder(m.width, _width(name), hidden)
            for name, m in MODALITIES.items()
        }
    )


def make_decoders() -> nn.ModuleDict:
    """Linear heads from a block back to what its encoder saw. They anchor the latent, and read reconstructions."""
    return nn.ModuleDict({name: nn.Linear(_width(name), DECODED[name]) for name in MODALITY_NAMES})


def split_features(x: Tensor) -> dict[str, Tensor]:
    """[..., 11] by modality."""
    return dict(zip(MODALITY_NAMES, torch.split(x, [m.width for m in MODALITIES.values()], dim=-1), strict=True))


def split_latent(z: Tensor) -> dict[str, Tensor]:
    """[..., 104] by modality."""
    return dict(zip(MODALITY_NAMES, torch.split(z, [_width(n) for n in MODALITY_NAMES], dim=-1), strict=True))


def _width(name: str) -> int:
    block = MODALITIES[name].latent
    return int(block.stop - block.start)


if sum(_width(name) for name in MODALITY_NAMES) != LATENT_DIM:
    raise ImportError("packets.MODALITIES: the blocks don't fill the latent")
