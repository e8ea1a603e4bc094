"""M3 and what it is punished for: the same net by window, by step and by sequence; losses with known answers."""

from __future__ import annotations

import math

import pytest
import torch
from model_samples import HIDDEN, small_mapper

from choreo_models.losses import BEAT, SMOOTHNESS, beat_regularizer, mapper_loss, smoothness_loss
from choreo_models.mapper import GRUMapper
from choreo_service.packets import LATENT_DIM


def latents(batch: int, frames: int) -> torch.Tensor:
    return torch.randn(batch, frames, LATENT_DIM, generator=torch.Generator().manual_seed(1))


@torch.no_grad()
@pytest.mark.parametrize("frames", [1, 10, 50])
def test_a_window_is_its_steps_and_the_end_of_its_sequence(frames: int) -> None:
    mapper, x = small_mapper(), latents(3, frames)
    whole, last = mapper.sequence(x)
    h = None
    for t in range(frames):
        controls, h = mapper.step(x[:, t], h)
        assert torch.allclose(controls, whole[:, t], atol=1e-6)
    assert torch.allclose(mapper(x), controls, atol=1e-6)
    assert h is not None
    assert torch.allclose(h, last, atol=1e-6)
    assert (whole.shape, last.shape) == ((3, frames, 5), (3, HIDDEN))


@torch.no_grad()
def test_a_sequence_in_two_parts_with_the_state_carried_is_the_whole() -> None:
    mapper, x = small_mapper(), latents(2, 40)
    first, h = mapper.sequence(x[:, :17])
    second, last = mapper.sequence(x[:, 17:], h)
    whole, expected = mapper.sequence(x)
    assert torch.allclose(torch.cat((first, second), dim=1), whole, atol=1e-6)
    assert torch.allclose(last, expected, atol=1e-6)


@torch.no_grad()
def test_the_state_matters() -> None:
    mapper, x = small_mapper(), latents(1, 1)
    assert not torch.allclose(mapper.step(x[:, 0])[0], mapper.step(x[:, 0], torch.ones(1, HIDDEN))[0], atol=1e-3)


@torch.no_grad()
def test_controls_are_positions_whatever_comes_in() -> None:
    controls, _ = GRUMapper(hidden=4).sequence(1e4 * latents(4, 20))
    assert bool(((controls >= 0) & (controls <= 1)).all())


def test_a_known_smoothness() -> None:
    ramp = torch.linspace(0.0, 1.0, 51)[None, :, None].expand(2, -1, 5)  # one second at 50 Hz
    assert float(smoothness_loss(ramp)) == pytest.approx(50 * 0.02**2)
    assert float(smoothness_loss(torch.full((1, 9, 5), 0.7))) == 0.0


def test_the_same_rise_costs_the_same_per_second_at_any_rate() -> None:
    for hz in (25, 100):
        ramp = torch.linspace(0.0, 1.0, hz + 1)[None, :, None]
        assert float(smoothness_loss(ramp, hz)) * hz == pytest.approx(1.0, rel=1e-4)  # one over one second, squared


def phases(beats: float, frames: int = 400) -> torch.Tensor:
    return (torch.arange(frames) * beats / frames % 1.0)[None]


def test_density_on_the_beat_is_rewarded_off_the_beat_punished_apart_from_it_neither() -> None:
    phase = phases(8)
    wave = (2 * math.pi * phase).cos()
    on, off, apart = (0.5 + 0.3 * w for w in (wave, -wave, (2 * math.pi * phase).sin()))
    spread = 0.3 / math.sqrt(2)
    assert float(beat_regularizer(on, phase)) == pytest.approx(-0.3 / 2 / (spread + 0.05), rel=1e-3)
    assert float(beat_regularizer(off, phase)) == pytest.approx(0.3 / 2 / (spread + 0.05), rel=1e-3)
    assert float(beat_regularizer(apart, phase)) == pytest.approx(0.0, abs=1e-4)


def test_a_still_dancer_is_not_pushed_onto_the_beat_by_dividing_by_nothing() -> None:
    whisper = 0.3 + 1e-3 * (2 * math.pi * phases(8)).cos()
    assert -0.02 < float(beat_regularizer(whisper, phases(8))) < 0.0  # a full swing has -0.57


def test_a_density_that_never_moves_has_a_gradient_one_can_follow() -> None:
    density = torch.full((1, 400), 1.0, requires_grad=True)
    beat_regularizer(density, phases(8)).backward()
    assert density.grad is not None
    assert bool(density.grad.isfinite().all())


def test_the_loss_is_the_weighted_sum_of_its_terms_and_zero_for_a_perfect_still_mapper() -> None:
    controls = torch.rand(2, 60, 5, generator=torch.Generator().manual_seed(2))
    terms = mapper_loss(controls, 0.5 * controls, phases(4, 60).expand(2, -1))
    expected = terms["mse"] + SMOOTHNESS * terms["smoothness"] + BEAT * terms["beat"]
    assert float(terms["loss"]) == pytest.approx(float(expected))
    assert float(terms["mse"]) == pytest.approx(float((0.5 * controls).square().mean()))
    still = torch.full((1, 60, 5), 0.4)
    assert float(mapper_loss(still, still, phases(4, 60))["loss"]) == pytest.approx(0.0, abs=1e-6)
