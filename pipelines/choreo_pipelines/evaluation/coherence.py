"""How well M1's latents know each other: every number leaves the predicted block out.

A translator that may see its own block, latents that have collapsed, or an error taken after blending all look
excellent and know nothing; what is measured here is T_m(others) against z_m, in shares of z_m's variance.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from choreo_models.rps import RPS
from choreo_models.rps.encoders import beat_harmonics, split_features, split_latent
from choreo_models.rps.translators import Translator
from choreo_service.packets import MODALITIES, FloatArray


@dataclass(frozen=True, slots=True)
class BlockNumbers:
    """One modality's block."""

    nmse: float  # leave-one-out error over the block's variance: 1 is the mean, 0 is perfect
    masked_r2: tuple[float, ...]  # per feature (the beat: per harmonic), decoded from the prediction
    decode_r2: tuple[float, ...]  # the same from the true block: what the latent keeps
    least_sd: float  # of any dimension, times sqrt(d): 1 when the variance is spread evenly, 0 when collapsed
    effective_rank: float  # exp of the entropy of the normalised singular values
    norm: float  # largest singular value of the translator as it is applied


def block_numbers(model: RPS, x: FloatArray, memory: FloatArray) -> dict[str, BlockNumbers]:
    """Of standardised features [N, 11] and their memory [N, 11]; `model` in eval mode."""
    device = next(model.parameters()).device
    with torch.no_grad():
        seen, slow = (torch.from_numpy(np.ascontiguousarray(a)).to(device) for a in (x, memory))
        z = model.encode(seen)
        predicted = left_out(model, z, model.encode(slow))
        true, told = model.decode(z), model.decode(predicted)
        facts = split_features(seen)
        facts["beat"] = beat_harmonics(facts["beat"])
        blocks, guesses = split_latent(z), split_latent(predicted)
        return {
            name: BlockNumbers(
                nmse=normalised_error(guesses[name], blocks[name]),
                masked_r2=r_squared(told[name], facts[name]),
                decode_r2=r_squared(true[name], facts[name]),
                least_sd=float(blocks[name].std(dim=0).min()) * math.sqrt(blocks[name].shape[1]),
                effective_rank=effective_rank(blocks[name]),
                norm=translator_norm(model.translators[name]),
            )
            for name in blocks
        }


def left_out(model: RPS, z: Tensor, memory: Tensor) -> Tensor:
    """Every block [N, d] from the other three, [N, 104]. The block is taken away here as well: a net that doesn't keep
    its own promise and looks at the block it predicts finds nothing there."""
    parts = []
    for name, m in MODALITIES.items():
        others, slow = z.clone(), memory.clone()
        others[:, m.latent] = 0.0
        slow[:, m.latent] = 0.0
        parts.append(split_latent(model.translate(others, slow))[name])
    return torch.cat(parts, dim=-1)


def normalised_error(guess: Tensor, truth: Tensor) -> float:
    """Sum of the mean squared errors over the sum of the variances, of [N, d]; infinite for a truth that never moves,
    so that a collapsed latent can't look good."""
    variance = float(truth.var(dim=0, correction=0).sum())
    if variance < _COLLAPSED:
        return math.inf
    return float((guess - truth).square().mean(dim=0).sum()) / variance


def r_squared(guess: Tensor, truth: Tensor) -> tuple[float, ...]:
    """1 - MSE / variance per column of [N, d]; -inf for a column that never moves."""
    error = (guess - truth).square().mean(dim=0)
    variance = truth.var(dim=0, correction=0)
    ratio = torch.where(variance > _COLLAPSED, 1.0 - error / variance, -math.inf)
    return tuple(float(v) for v in ratio)


def effective_rank(z: Tensor) -> float:
    """exp(entropy of the singular values over their sum) of the centred [N, d] (Roy and Vetterli 2007); 0 for a latent
    that never moves."""
    s = torch.linalg.svdvals(z - z.mean(dim=0))
    if float(s.square().sum()) < _COLLAPSED * len(z):  # their squares add up to the variance
        return 0.0
    p = s / s.sum()
    return float(torch.exp(-(p * torch.log(p.clamp_min(1e-12))).sum()))


def translator_norm(translator: torch.nn.Module) -> float:
    """Of the weight as it is applied, own columns included if the net lets them through."""
    if not isinstance(translator, Translator):
        raise TypeError(f"expected a Translator, found {type(translator).__name__}")
    return float(torch.linalg.matrix_norm(translator.linear.weight.detach(), 2))


def ridge_r2(
    train: tuple[FloatArray, FloatArray], test: tuple[FloatArray, FloatArray], penalty: float = 1e-2
) -> tuple[float, ...]:
    """What a linear map of the raw features reaches on unseen dancers: (inputs [N, p], targets [N, q]) twice -> [q]."""
    (a, b), (c, d) = ((np.c_[x.astype(np.float64), np.ones(len(x))], y.astype(np.float64)) for x, y in (train, test))
    weights = np.linalg.solve(a.T @ a + penalty * np.eye(a.shape[1]), a.T @ b)
    return tuple((1.0 - ((c @ weights - d) ** 2).mean(axis=0) / d.var(axis=0)).tolist())


_COLLAPSED = 1e-6
