"""M1's parts: shapes, the blindness of the translators, the step toward coherence, whole modalities dropped."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from model_samples import card, rps_weights, small_rps

from choreo_models.checkpoint import load_checkpoint, save_checkpoint
from choreo_models.inference.torch_kernel import rps_of
from choreo_models.rps import (
    RPS,
    TinyEncoder,
    coherence_loss,
    make_decoders,
    make_encoders,
    make_translators,
    modality_dropout,
    rps_prox_step,
    spectral_clamp,
)
from choreo_models.rps.encoders import beat_harmonics, split_features, split_latent
from choreo_models.rps.translators import MAX_NORM, Translator, translate
from choreo_service.packets import FEATURE_COLUMNS, LATENT_DIM, MODALITIES

BLOCKS = {name: m.latent for name, m in MODALITIES.items()}


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def stacked(translators: torch.nn.ModuleDict) -> torch.Tensor:
    """All four as one matrix [104, 104]."""
    return torch.cat([translator.linear.weight.detach() for translator in translators.values()])


def test_encoders_give_each_modality_its_block() -> None:
    encoders = make_encoders(hidden=8)
    parts = split_features(random(32, len(FEATURE_COLUMNS)))
    widths = {name: tuple(encoders[name](part).shape) for name, part in parts.items()}
    assert widths == {"motion": (32, 64), "heart": (32, 16), "beat": (32, 16), "context": (32, 8)}


@torch.no_grad()
def test_a_block_has_total_variance_one_however_wide_it_is() -> None:
    for width in (8, 64):
        z = TinyEncoder(6, width, hidden=16)(3.0 + 7.0 * random(512, 6))  # in training: statistics of the batch
        assert float(z.mean().abs()) < 1e-6
        assert float(z.var(dim=0, correction=0).sum()) == pytest.approx(1.0, abs=1e-3)


def test_in_use_an_encoder_no_longer_looks_at_its_batch() -> None:
    encoder = small_rps().encoders["motion"]
    x = random(64, 6)
    assert torch.allclose(encoder(x)[:1], encoder(x[:1]), atol=1e-6)


def test_decoders_read_what_the_encoders_saw() -> None:
    decoded = {name: make_decoders()[name](z).shape[1] for name, z in split_latent(random(2, LATENT_DIM)).items()}
    assert decoded == {"motion": 6, "heart": 2, "beat": 8, "context": 1}


def test_harmonics_of_a_known_position() -> None:
    half_bar = beat_harmonics(torch.tensor([[0.0, 2.0]], dtype=torch.float64))[0]  # the bar angle is pi
    assert half_bar.tolist() == pytest.approx([0, 0, 0, 0, -1, 1, 1, 1], abs=1e-12)
    off_beat = beat_harmonics(torch.tensor([[0.5, 0.0]], dtype=torch.float64))[0]  # pi / 4
    assert off_beat.tolist() == pytest.approx([math.sqrt(0.5), 1, 0, 0, math.sqrt(0.5), 0, -1, 1], abs=1e-12)


@pytest.mark.parametrize(("before", "after"), [((0.999, 3.0), (0.001, 0.0)), ((0.999, 1.0), (0.001, 2.0))])
def test_the_beat_has_no_jump_over_beat_and_bar_lines(before: tuple[float, float], after: tuple[float, float]) -> None:
    a, b = beat_harmonics(torch.tensor([before, after], dtype=torch.float64))
    assert float((a - b).abs().max()) < 8 * 0.002 * math.pi / 2 * 1.01  # the steepest sine over 0.002 beats


def test_a_fresh_translator_is_blind_to_its_block() -> None:
    for name, translator in make_translators().items():
        assert not translator.linear.weight[:, BLOCKS[name]].any()
        assert translator.linear.weight.shape == (BLOCKS[name].stop - BLOCKS[name].start, LATENT_DIM)


def test_own_columns_have_no_say_even_while_their_weights_are_not_zero() -> None:
    z = random(5, LATENT_DIM)
    for name, translator in make_translators().items():
        expected = translator(z)
        with torch.no_grad():
            translator.linear.weight[:, BLOCKS[name]] = 3.0
        assert torch.equal(translator(z), expected)
        changed = z.clone()
        changed[:, BLOCKS[name]] = 1e6
        assert torch.equal(translator(changed), expected)


def test_own_columns_stay_zero_through_training_clamping_saving_and_loading(tmp_path: Path) -> None:
    model = RPS(hidden=8)
    optimizer = torch.optim.Adam(model.parameters(), 0.05)
    for seed in range(8):
        x = random(64, len(FEATURE_COLUMNS), seed=seed)
        optimizer.zero_grad()
        coherence_loss(model, x, x)["loss"].backward()
        optimizer.step()
        spectral_clamp(model.translators)
    save_checkpoint(tmp_path, rps_weights(model), card("rps"))
    loaded = rps_of(load_checkpoint(tmp_path, "rps").weights)
    for name, translator in loaded.translators.items():
        assert not translator.linear.weight[:, BLOCKS[name]].any()


def test_the_clamp_bounds_every_loaded_translator_by_its_largest_singular_value(tmp_path: Path) -> None:
    model = small_rps()
    with torch.no_grad():
        for parameter in model.translators.parameters():
            parameter.mul_(20.0)
    before = [float(torch.linalg.svdvals(t.linear.weight.detach())[0]) for t in model.translators.values()]
    spectral_clamp(model.translators)
    save_checkpoint(tmp_path, rps_weights(model), card("rps"))
    weights = load_checkpoint(tmp_path, "rps").weights
    norms = [np.linalg.svd(weights[f"translators.{name}.linear.weight"], compute_uv=False)[0] for name in MODALITIES]
    assert min(before) > MAX_NORM
    assert norms == pytest.approx([MAX_NORM] * 4, abs=1e-4)


def test_the_clamp_leaves_small_translators_alone_and_what_lies_below_the_limit() -> None:
    translators = make_translators()
    quiet = translators["heart"].linear.weight
    with torch.no_grad():
        quiet.mul_(0.1)
        translators["motion"].linear.weight.mul_(5.0)
    before, singular = quiet.clone(), torch.linalg.svdvals(translators["motion"].linear.weight)
    spectral_clamp(translators)
    assert torch.equal(quiet, before)
    after = torch.linalg.svdvals(translators["motion"].linear.weight)
    assert torch.allclose(after, singular.clamp(max=MAX_NORM), atol=1e-5)


def test_only_translators_can_be_clamped() -> None:
    with pytest.raises(TypeError, match="expected a Translator, found Linear"):
        spectral_clamp(torch.nn.ModuleDict({"motion": torch.nn.Linear(LATENT_DIM, 64)}))


def test_the_proximal_step_is_its_formula() -> None:
    z, translators = random(7, LATENT_DIM), make_translators()
    aim = torch.cat([translators[name](z) for name in MODALITIES], dim=1)
    assert torch.allclose(rps_prox_step(z, translators, alpha=0.3), z - 0.3 * (z - aim), atol=1e-6)
    assert torch.allclose(rps_prox_step(z, translators, alpha=1.0), aim, atol=1e-6)
    assert torch.equal(rps_prox_step(z, translators, alpha=0.0), z)


@pytest.mark.parametrize("alpha", [0.1, 0.2, 0.7])
def test_the_residual_shrinks_at_least_by_the_bound_of_the_stacked_norm(alpha: float) -> None:
    translators = make_translators()
    with torch.no_grad():
        scale = 0.9 / float(torch.linalg.matrix_norm(stacked(translators), 2))
        for translator in translators.values():
            translator.linear.weight.mul_(scale)
    norm = float(torch.linalg.matrix_norm(stacked(translators), 2))
    z = random(50, LATENT_DIM)
    before = (z - translate(z, translators)).norm(dim=1)
    stepped = rps_prox_step(z, translators, alpha)
    after = (stepped - translate(stepped, translators)).norm(dim=1)
    assert norm == pytest.approx(0.9, abs=1e-5)
    assert bool((after <= (1.0 - alpha * (1.0 - norm)) * before * (1.0 + 1e-5)).all())


def test_four_bounded_translators_are_not_bounded_together() -> None:
    """Why present blocks are held and not iterated: each at 0.9, the four together may reach twice that."""
    translators = make_translators()
    with torch.no_grad():
        for name, translator in translators.items():
            weight = translator.linear.weight
            weight.zero_()
            weight[0, 0 if name != "motion" else 64] = MAX_NORM  # three listen to the same direction
    spectral_clamp(translators)
    assert float(torch.linalg.matrix_norm(stacked(translators), 2)) > 1.5


def test_the_heart_reads_the_memory_and_the_others_the_moment() -> None:
    z, memory, translators = random(3, LATENT_DIM), random(3, LATENT_DIM, seed=1), make_translators()
    mixed, now, slow = translate(z, translators, memory), translate(z, translators), translate(memory, translators)
    heart = MODALITIES["heart"].latent
    assert torch.equal(mixed[:, heart], slow[:, heart])
    assert torch.equal(mixed[:, : heart.start], now[:, : heart.start])
    assert torch.equal(mixed[:, heart.stop :], now[:, heart.stop :])


def test_whole_blocks_are_dropped_at_the_rate_asked_for() -> None:
    dropped = modality_dropout(torch.ones(20_000, LATENT_DIM), 0.2, torch.Generator().manual_seed(4))
    for block in BLOCKS.values():
        part = dropped[:, block]
        assert torch.equal(part.amin(dim=1), part.amax(dim=1))  # all of a block or none of it
        assert float((part[:, 0] == 0).float().mean()) == pytest.approx(0.2, abs=0.015)
    together = (dropped[:, 0] == 0) & (dropped[:, 64] == 0)
    assert float(together.float().mean()) == pytest.approx(0.04, abs=0.01)  # independent of each other


def test_dropout_depends_on_its_generator_alone() -> None:
    z = random(64, LATENT_DIM)
    again = [modality_dropout(z, 0.5, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)]
    assert torch.equal(again[0], again[1])
    assert not torch.equal(again[0], again[2])
    assert torch.equal(modality_dropout(z, 0.0), z)


@pytest.mark.parametrize("p", [-0.1, 1.0, float("nan")])
def test_dropout_refuses_what_is_no_share(p: float) -> None:
    with pytest.raises(ValueError, match="expected 0 <= p < 1"):
        modality_dropout(torch.ones(1, LATENT_DIM), p)


@pytest.mark.parametrize("targets_learn", [False, True])
def test_prediction_teaches_the_predicted_encoder_only_where_asked(targets_learn: bool) -> None:
    model = small_rps().train()
    with torch.no_grad():
        for name, translator in model.translators.items():
            translator.linear.weight[:, BLOCKS["motion"]] = 0.0  # nobody is told by motion, so it is a target alone
            assert not translator.linear.weight[:, BLOCKS[name]].any()
    x = random(128, len(FEATURE_COLUMNS))
    coherence_loss(model, x, x, dropout=0.0, targets_learn=targets_learn)["translation"].backward()
    gradient = model.encoders["motion"].first.weight.grad
    assert gradient is not None
    assert bool(gradient.abs().sum() > 1e-6) is targets_learn


def test_a_model_that_says_nothing_pays_one_for_each_block_and_the_mean_square_for_each_modality() -> None:
    """So an error of 1 is that of the average, for the widest block and for the narrowest."""
    model = small_rps().train()
    with torch.no_grad():
        for parameter in (*model.translators.parameters(), *model.decoders.parameters()):
            parameter.zero_()
    x = random(512, len(FEATURE_COLUMNS))
    terms = {name: float(term.detach()) for name, term in coherence_loss(model, x, x).items()}
    facts = split_features(x)
    facts["beat"] = beat_harmonics(facts["beat"])
    squares = [float(part.square().mean()) for part in facts.values()]
    assert terms["translation"] == pytest.approx(4.0, rel=0.01)
    assert terms["decoding"] == pytest.approx(sum(squares))
    assert terms["loss"] == pytest.approx(terms["translation"] + terms["decoding"])


def test_the_memory_does_not_move_the_batch_statistics() -> None:
    with_memory, without = small_rps().train(), small_rps().train()
    x = random(128, len(FEATURE_COLUMNS))
    coherence_loss(with_memory, x, 100.0 * x)
    coherence_loss(without, x, x)
    assert with_memory.encoders.training
    for a, b in zip(with_memory.encoders.buffers(), without.encoders.buffers(), strict=True):
        assert torch.equal(a, b)


def test_translators_of_a_model_are_translators() -> None:
    assert all(isinstance(t, Translator) for t in RPS(hidden=4).translators.values())
