"""M1's numbers can be had by cheating. Each way is built here, looks good by a careless number, and must be rejected by
ours, which the honest net passes."""

from __future__ import annotations

import copy
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from model_samples import card, rps_weights, save_pair, small_rps, taught_rps, told_by_others

from choreo_models.checkpoint import Checkpoint, CheckpointError, load_checkpoint, save_checkpoint
from choreo_models.inference import Pair, load_pair
from choreo_models.inference.numpy_kernel import NumpyCoherence
from choreo_models.inference.torch_kernel import rps_of, weights_of
from choreo_models.rps import RPS, make_translators, rps_prox_step, spectral_clamp
from choreo_models.rps.encoders import split_latent
from choreo_models.rps.translators import Translator, translate
from choreo_pipelines.evaluation.body import Dancers
from choreo_pipelines.evaluation.coherence import (
    BlockNumbers,
    block_numbers,
    normalised_error,
    r_squared,
    translator_norm,
)
from choreo_pipelines.evaluation.gap import RANDOM, gap_errors
from choreo_pipelines.tasks.teach_rps import card_metrics
from choreo_service.packets import MODALITIES

MOTION = MODALITIES["motion"].latent
ALL_KNOWN = told_by_others(3000, seed=7)


def numbers(model: RPS, x: torch.Tensor = ALL_KNOWN) -> dict[str, BlockNumbers]:
    return block_numbers(model, x.numpy(), x.numpy())


def rejected(model: RPS, x: torch.Tensor = ALL_KNOWN) -> set[str]:
    """The gates of the card that `model` fails for its motion block."""
    return {name for name, m in card_metrics(numbers(model, x)).items() if "motion" in name and m["passed"] is False}


def fake() -> RPS:
    return copy.deepcopy(taught_rps())


def test_the_honest_net_passes_for_motion() -> None:
    assert rejected(taught_rps()) == set()
    assert numbers(taught_rps())["motion"].nmse < 0.2


@torch.no_grad()
def test_collapsed_encoders_have_no_error_and_are_rejected() -> None:
    collapsed = fake()
    for encoder in collapsed.encoders.values():
        encoder.second.weight.zero_()
    for translator in collapsed.translators.values():
        translator.linear.weight.zero_()
        translator.linear.bias.zero_()
    z = collapsed.encode(ALL_KNOWN)
    for name, block in split_latent(z).items():
        collapsed.translators[name].linear.bias.copy_(block[0])
    assert float((collapsed.translate(z, z) - z).square().mean()) < 1e-10  # the careless number
    found = numbers(collapsed)["motion"]
    assert found.nmse == math.inf
    assert found.least_sd == pytest.approx(0.0, abs=1e-6)
    assert found.effective_rank == 0.0
    assert max(found.decode_r2) <= 0.0
    assert rejected(collapsed) >= {"least_sd_motion", "decode_r2_motion", "masked_r2_motion"}


class Copier(Translator):
    """Looks at its own block."""

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.linear(z)
        return out


@torch.no_grad()
def copying() -> RPS:
    model = fake()
    for name, m in MODALITIES.items():
        copier = Copier(name)
        copier.linear.weight.zero_()
        copier.linear.bias.zero_()
        copier.linear.weight[:, m.latent] = torch.eye(m.latent.stop - m.latent.start)
        model.translators[name] = copier
    return model


@torch.no_grad()
def test_a_net_that_copies_its_own_block_is_rejected_once_the_block_is_taken_away() -> None:
    model = copying()
    z = model.encode(ALL_KNOWN)
    assert normalised_error(model.translate(z, z), z) < 1e-10  # the careless number
    found = numbers(model)["motion"]
    assert found.nmse > 0.9
    assert max(found.masked_r2) < 0.1
    assert rejected(model) >= {"masked_r2_motion_energy", "masked_r2_motion", "norm_motion"}


def test_a_checkpoint_that_copies_its_own_block_does_not_load(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, rps_weights(copying()), card("rps"))
    with pytest.raises(CheckpointError, match=r"translators\.motion: sees its own block"):
        NumpyCoherence(load_checkpoint(tmp_path, "rps").weights)


@torch.no_grad()
def test_an_error_taken_after_blending_is_small_for_a_net_that_knows_nothing() -> None:
    random = small_rps()
    z = random.encode(ALL_KNOWN)
    stepped = rps_prox_step(z, random.translators)
    assert normalised_error(stepped[:, MOTION], z[:, MOTION]) < 0.1  # the careless number
    assert numbers(random)["motion"].nmse > 0.9
    assert rejected(random) >= {"masked_r2_motion_energy", "masked_r2_motion"}


@torch.no_grad()
def test_small_latents_have_a_small_error_whoever_predicts_them() -> None:
    z = taught_rps().encode(ALL_KNOWN)[:, MOTION]
    always_the_mean = z.mean(dim=0).expand_as(z)
    assert float((always_the_mean - z).square().mean()) < 0.02  # the careless number: the blocks are 1 / sqrt(d)
    assert normalised_error(always_the_mean, z) == pytest.approx(1.0)
    assert normalised_error(1000.0 * always_the_mean, 1000.0 * z) == pytest.approx(1.0)


class Whisper(torch.nn.Module):
    """A motion block of total variance 1 that shouts its first feature and whispers the others."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        loud = x[:, :1].expand(-1, 59) / math.sqrt(59)
        return torch.cat((loud, 1e-3 * x[:, 1:]), dim=1)


@torch.no_grad()
def test_detail_hidden_in_tiny_directions_has_a_good_error_and_is_rejected_by_what_can_be_read() -> None:
    x, test = (told_by_others(3000, seed=seed, known=(0,)) for seed in (8, 9))  # five columns nobody can know
    model = fake()
    model.encoders["motion"] = Whisper()
    z = model.encode(x)
    fitted(model.translators["motion"].linear, z * not_motion(), z[:, MOTION])
    fitted(model.decoders["motion"], z[:, MOTION], x[:, :6])
    found = numbers(model, test)["motion"]
    assert found.nmse < 0.3  # the careless number
    assert min(found.decode_r2) > 0.95  # and nothing seems lost
    assert max(found.masked_r2[1:]) < 0.1
    assert "masked_r2_motion" in rejected(model, test)
    assert "masked_r2_motion" not in rejected(taught_rps())


def not_motion() -> torch.Tensor:
    keep = torch.ones(104)
    keep[MOTION] = 0.0
    return keep


def fitted(linear: torch.nn.Linear, x: torch.Tensor, y: torch.Tensor) -> None:
    """Least squares, with a touch of ridge for the columns that never move."""
    a = torch.cat((x, torch.ones(len(x), 1)), dim=1).double()
    found = torch.linalg.solve(a.T @ a + 1e-5 * torch.eye(a.shape[1]), a.T @ y.double())
    linear.weight.copy_(found[:-1].T)
    linear.bias.copy_(found[-1])


@torch.no_grad()
def test_a_falling_residual_is_no_evidence() -> None:
    x = ALL_KNOWN[:200]
    for model in (taught_rps(), small_rps()):  # the one that learnt and the one that did not
        z = model.encode(x)
        stepped = rps_prox_step(z, model.translators)
        before, after = (float((a - translate(a, model.translators)).norm()) for a in (z, stepped))
        assert after < 0.95 * before


def pair(folder: Path) -> Pair:
    """The honest M1, and a mapper nobody taught, which serves: the latent is what is judged."""
    save_pair(folder, rps=rps_weights(taught_rps()))
    return load_pair(folder)


def dancers() -> Dancers:
    """Two minutes in which motion follows the others, in units of the prior the checkpoint carries."""
    x = told_by_others(2600, seed=11).numpy()[None]
    weights = rps_weights(taught_rps())
    x = x * weights["features.sd"] + weights["features.mean"]
    x[..., 0] += 5.0  # nobody stands still: standing teaches nothing
    x[..., 10] = 0.29 * told_by_others(2600, seed=11).numpy()[:, 10] + 0.5
    return Dancers(x.astype(np.float32), np.ones((*x.shape[:2], 4), np.bool_), 50.0)


def test_a_silent_sensor_is_told_by_the_honest_net_and_not_by_random_translators(tmp_path: Path) -> None:
    errors = gap_errors(pair(tmp_path), dancers(), "motion", 10.0)
    gate = 0.4 * errors["zero-fill"].latent
    assert errors["reconstructed"].latent <= gate
    assert errors[RANDOM].latent > gate
    assert errors["hold"].latent > gate


def test_the_norm_of_an_unprojected_weight_shows_after_loading(tmp_path: Path) -> None:
    loud = copy.deepcopy(small_rps())
    with torch.no_grad():
        for translator in loud.translators.values():
            translator.linear.weight.mul_(3.0)
    projected = copy.deepcopy(loud)
    spectral_clamp(projected.translators)  # what a careless test would look at
    loaded = {}
    for name, model in (("loud", loud), ("projected", projected)):
        save_checkpoint(tmp_path / name, rps_weights(model), card("rps"))
        loaded[name] = rps_of(load_checkpoint(tmp_path / name, "rps").weights).eval()
    norms = {name: [translator_norm(t) for t in model.translators.values()] for name, model in loaded.items()}
    assert min(norms["loud"]) > 0.9001
    assert max(norms["projected"]) <= 0.9001
    assert "norm_motion" in rejected(loaded["loud"])
    assert "norm_motion" not in rejected(loaded["projected"])


def test_a_norm_counts_columns_that_are_hidden_in_use() -> None:
    translators = make_translators()
    spectral_clamp(translators)
    with torch.no_grad():
        translators["heart"].linear.weight[0, MODALITIES["heart"].latent.start] = 5.0
    assert translator_norm(translators["heart"]) >= 5.0


def test_a_column_that_never_moves_can_not_be_explained() -> None:
    truth = torch.cat((torch.ones(50, 1), torch.linspace(0, 1, 50)[:, None]), dim=1)
    assert r_squared(truth, truth) == (-math.inf, 1.0)


def test_a_taught_checkpoint_is_the_taught_net(tmp_path: Path) -> None:
    """The numbers above are those of what is saved."""
    rps: Checkpoint = pair(tmp_path).rps
    again, honest = numbers(rps_of(rps.weights).eval())["motion"], numbers(taught_rps())["motion"]
    assert again.nmse == pytest.approx(honest.nmse, rel=1e-6)
    assert set(weights_of(taught_rps())) < set(rps.weights)
