"""M1 whole: encoders, translators and the decoders that keep the latent readable."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from choreo_models.rps.encoders import beat_harmonics, make_decoders, make_encoders, split_features, split_latent
from choreo_models.rps.translators import make_translators, modality_dropout, translate


class RPS(nn.Module):
    """Coherence of four modalities in one latent of 104 dimensions.

    Features are standardised per performer, but for the beat, which stays (phase 0..1, beat in bar).
    """

    def __init__(self, hidden: int = 128) -> None:
        super().__init__()
        self.encoders = make_encoders(hidden)
        self.translators = make_translators()
        self.decoders = make_decoders()

    def encode(self, x: Tensor) -> Tensor:
        """[N, 11] -> [N, 104]"""
        parts = split_features(x)
        return torch.cat([encoder(parts[name]) for name, encoder in self.encoders.items()], dim=-1)

    def translate(self, z: Tensor, memory: Tensor) -> Tensor:
        """[N, 104], every block from the other three; `memory` as in translators.translate."""
        return translate(z, self.translators, memory)

    def decode(self, z: Tensor) -> dict[str, Tensor]:
        """Each block as the features it stands for; the beat as its harmonics."""
        return {name: self.decoders[name](block) for name, block in split_latent(z).items()}


def coherence_loss(
    model: RPS,
    x: Tensor,
    memory_x: Tensor,
    *,
    dropout: float = 0.2,
    targets_learn: bool = False,
    generator: torch.Generator | None = None,
) -> dict[str, Tensor]:
    """Leave-one-out prediction plus decoding, over features [N, 11] and their slow memory [N, 11].

    `translation` is the sum over modalities of |T_m(dropped z) - z_m|^2, which is the normalised error because every
    block has total variance 1; the targets don't learn (variant C) unless `targets_learn` (C3: smaller error, latents
    that a head trained on true ones reads worse). `decoding` is the anchor against collapse.
    """
    z, memory = _encode_both(model, x, memory_x)
    seen, remembered = modality_dropout(torch.stack((z, memory)), dropout, generator)
    predicted = model.translate(seen, remembered)
    targets = z if targets_learn else z.detach()
    translation = (predicted - targets).square().sum(dim=-1).mean()
    decoded, parts = model.decode(z), split_features(x)
    parts["beat"] = beat_harmonics(parts["beat"])
    decoding = torch.stack([(decoded[name] - parts[name]).square().mean() for name in parts]).sum()
    return {"loss": translation + decoding, "translation": translation, "decoding": decoding}


def _encode_both(model: RPS, x: Tensor, memory_x: Tensor) -> tuple[Tensor, Tensor]:
    """Latents of now and of the memory. The memory goes through the same encoders, but must not move their batch
    statistics: its spread is smaller."""
    z = model.encode(x)
    training = model.encoders.training
    model.encoders.eval()
    memory = model.encode(memory_x)
    model.encoders.train(training)
    return z, memory
