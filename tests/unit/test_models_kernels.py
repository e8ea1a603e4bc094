"""The numpy kernels play what torch trained: net by net, and over a long walk with sensors coming and going."""

from __future__ import annotations

import numpy as np
import pytest
from model_samples import HZ, dancing, frame, rps_weights, small_mapper, small_rps

from choreo_models.inference.coherence import Coherence
from choreo_models.inference.grid import Grid
from choreo_models.inference.kernels import CoherenceKernel, ReflexKernel
from choreo_models.inference.numpy_kernel import NumpyCoherence, NumpyReflex
from choreo_models.inference.reflex import LatentScale, Reflex
from choreo_models.inference.standardise import FeatureScaler
from choreo_models.inference.torch_kernel import TorchCoherence, TorchReflex, mapper_of, rps_of, weights_of
from choreo_service.packets import FEATURE_COLUMNS, LATENT_DIM, BoolArray, FloatArray

CLOSE = 1e-5
SEEDS = pytest.mark.parametrize("seed", [0, 1])
ROWS = pytest.mark.parametrize("rows", [1, 2, 64])


def random(*shape: int, seed: int = 0) -> FloatArray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def largest_gap(a: FloatArray, b: FloatArray) -> float:
    assert a.dtype == b.dtype == np.float32
    assert a.shape == b.shape
    return float(np.abs(a - b).max())


@SEEDS
@ROWS
def test_encoders_agree(seed: int, rows: int) -> None:
    model = small_rps(seed)
    x = 2.0 * random(rows, len(FEATURE_COLUMNS), seed=seed)
    x[:, 8:10] = np.random.default_rng(seed).random((rows, 2)) * (1.0, 3.99)
    assert largest_gap(NumpyCoherence(rps_weights(model)).encode(x), TorchCoherence(model).encode(x)) <= CLOSE


@SEEDS
@ROWS
def test_translators_agree(seed: int, rows: int) -> None:
    model = small_rps(seed)
    z, memory = random(rows, LATENT_DIM, seed=seed), random(rows, LATENT_DIM, seed=seed + 9)
    ours, theirs = (k.translate(z, memory) for k in (NumpyCoherence(rps_weights(model)), TorchCoherence(model)))
    assert largest_gap(ours, theirs) <= CLOSE


@SEEDS
@ROWS
def test_reflexes_agree_in_controls_and_state(seed: int, rows: int) -> None:
    mapper = small_mapper(seed)
    x, h = random(rows, LATENT_DIM, seed=seed), random(rows, mapper.hidden, seed=seed + 9)
    ours, theirs = NumpyReflex(weights_of(mapper)).reflex(x, h), TorchReflex(mapper).reflex(x, h)
    assert max(largest_gap(a, b) for a, b in zip(ours, theirs, strict=True)) <= CLOSE


@pytest.mark.parametrize("size", [1e4, 1e30])
def test_no_input_makes_a_kernel_warn_or_leave_its_range(size: float) -> None:
    reflex = NumpyReflex(weights_of(small_mapper()))
    controls, h = reflex.reflex(size * random(4, LATENT_DIM), random(4, reflex.hidden))
    assert ((controls >= 0) & (controls <= 1)).all()
    assert (np.abs(h) <= 4.0).all()


def test_a_kernel_changes_neither_its_inputs_nor_its_answers() -> None:
    reflex, coherence = NumpyReflex(weights_of(small_mapper())), NumpyCoherence(rps_weights(small_rps()))
    x, z, h = random(2, len(FEATURE_COLUMNS)), random(2, LATENT_DIM), random(2, reflex.hidden)
    copies = [a.copy() for a in (x, z, h)]
    for _ in range(2):
        answers = (coherence.encode(x), coherence.translate(z, z), *reflex.reflex(z, h))
    kept = [a.copy() for a in answers]
    coherence.encode(-x), coherence.translate(-z, z), reflex.reflex(-z, -h)
    assert all(np.array_equal(a, b) for a, b in zip((x, z, h), copies, strict=True))
    assert all(np.array_equal(a, b) for a, b in zip(answers, kept, strict=True))


def test_a_checkpoints_weights_make_the_same_nets_again() -> None:
    model, mapper = small_rps(), small_mapper()
    x, z = random(3, len(FEATURE_COLUMNS)), random(3, LATENT_DIM)
    again = TorchCoherence(rps_of(rps_weights(model)))
    assert np.array_equal(again.encode(x), TorchCoherence(model).encode(x))
    played, _ = TorchReflex(mapper_of(weights_of(mapper))).reflex(z, np.zeros((3, mapper.hidden), np.float32))
    expected, _ = TorchReflex(mapper).reflex(z, np.zeros((3, mapper.hidden), np.float32))
    assert np.array_equal(played, expected)


def comings_and_goings(count: int, rows: int) -> BoolArray:
    """[count, rows, 4]: every modality but the beat is missing for seconds at a time, sometimes all of them."""
    rng = np.random.default_rng(5)
    present = np.repeat(rng.random((count // 100 + 1, rows, 4)) < 0.7, 100, axis=0)[:count]
    present[..., 2] = True
    present[:200] = True
    return present


def walk(m1: CoherenceKernel, m3: ReflexKernel, x: FloatArray, present: BoolArray) -> tuple[FloatArray, FloatArray]:
    weights, rows = rps_weights(small_rps()), x.shape[1]
    scaler = FeatureScaler.of(weights, performers=rows)
    coherence = Coherence(m1, scaler, performers=rows, grid=Grid(1.0), hz=HZ)
    scale, reflex = LatentScale(weights, performers=rows), Reflex(m3, performers=rows, grid=Grid(1.0))
    latents, controls = [], []
    for k in range(len(x)):
        latents.append(coherence.step(frame(k, x[k], present[k])).z)
        controls.append(reflex.step(scale.apply(latents[-1]), 1))
    return np.array(latents), np.array(controls)


def test_a_minute_with_sensors_coming_and_going_stays_together() -> None:
    x, present = dancing(3000, rows=2), comings_and_goings(3000, 2)
    ours = walk(NumpyCoherence(rps_weights(small_rps())), NumpyReflex(weights_of(small_mapper())), x, present)
    theirs = walk(TorchCoherence(small_rps()), TorchReflex(small_mapper()), x, present)
    assert not present.all(axis=2).all()
    assert [largest_gap(a, b) <= CLOSE for a, b in zip(ours, theirs, strict=True)] == [True, True]
    assert np.ptp(ours[1], axis=0).min() > 1e-3  # it did play
