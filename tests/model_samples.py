"""Small nets with known histories, features to show them, and checkpoints made of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from choreo_models.checkpoint import CARD_VERSION, save_checkpoint
from choreo_models.inference import reflex, standardise
from choreo_models.inference.coherence import Coherence
from choreo_models.inference.grid import Grid
from choreo_models.inference.kernels import CoherenceKernel
from choreo_models.inference.standardise import FeatureScaler
from choreo_models.inference.torch_kernel import weights_of
from choreo_models.mapper import GRUMapper
from choreo_models.rps import RPS, coherence_loss, spectral_clamp
from choreo_models.rps.encoders import beat_harmonics
from choreo_service.packets import FEATURE_COLUMNS, LATENT_DIM, MODALITIES, FloatArray, Frame, states_of

HZ = 50
PERIOD_NS = 20_000_000
MEAN = np.array([1.8, 1.8, 40, 0, 0, 0.8, 100, 0, 0, 0, 0], np.float32)  # of a dancer, in the features' units
SD = np.array([1.2, 0.5, 40, 0.8, 0.8, 0.15, 20, 0.5, 1, 1, 1], np.float32)
HIDDEN = 12


class Flat:
    """A scripted CoherenceKernel: every present block encodes as `real`, every translation says `told`, which may be
    [104] or [B, 104]. Both may be changed between two steps."""

    def __init__(self, real: float = 0.1, told: float | FloatArray = -0.1) -> None:
        self.real, self.told = real, told

    def encode(self, x: FloatArray) -> FloatArray:
        return np.full((len(x), LATENT_DIM), self.real, np.float32)

    def translate(self, z: FloatArray, memory: FloatArray) -> FloatArray:
        return np.full_like(z, self.told)


def coherence(kernel: CoherenceKernel, rows: int = 1, **how: Any) -> Coherence:
    """M1 on stage with the nets `kernel`, one step per tick, nothing heard yet."""
    scaler = FeatureScaler(MEAN, SD, performers=rows)
    return Coherence(kernel, scaler, performers=rows, grid=Grid(1.0), hz=HZ, **how)


def doubting(m1: Coherence, doubt: Any) -> Coherence:
    """The same M1, as if its translators had been as wrong as `doubt` so far; it broadcasts to [B, 4]."""
    state = m1.state()
    m1.load_state({**state, "doubt": np.broadcast_to(doubt, state["doubt"].shape)})
    return m1


def believed(m1: Coherence) -> Coherence:
    """The same M1, as if its translators had always been right: fully believed, and for seconds even if now wrong."""
    return doubting(m1, 0.0)


def dancing(count: int, *, rows: int = 1, seed: int = 0) -> FloatArray:
    """[count, rows, 11] in the features' units: a slowly wandering dancer, a heart, 120 bpm."""
    rng = np.random.default_rng(seed)
    steps = 0.1 * rng.standard_normal((count, rows, len(FEATURE_COLUMNS)))
    x = MEAN + SD * np.tanh(np.cumsum(steps, axis=0) / 2.0 + rng.standard_normal((rows, len(FEATURE_COLUMNS))))
    beats = np.arange(count)[:, None] * 2.0 / HZ
    x[..., 8], x[..., 9], x[..., 10] = beats % 1.0, np.floor(beats) % 4, rng.random((count, rows))
    return x.astype(np.float32)


def frame(k: int, x: FloatArray, present: Any = True, *, dk: int = 1) -> Frame:
    """Features [B, 11] as the frame of tick `k`; `present` broadcasts to [B, 4]."""
    parts = np.split(x, np.cumsum([m.width for m in MODALITIES.values()])[:-1], axis=1)
    there = np.broadcast_to(np.asarray(present, np.bool_), (len(x), len(MODALITIES))).copy()
    return Frame(
        k, dk, k * PERIOD_NS, *parts, state=states_of(there), age_s=np.zeros((len(x), len(MODALITIES)), np.float32)
    )


def small_rps(seed: int = 0, hidden: int = 8) -> RPS:
    """Random weights, batch statistics of standardised features, translators within their norm; in eval mode."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = RPS(hidden)
        for part in model.encoders.modules():
            if isinstance(part, torch.nn.BatchNorm1d):
                part.momentum = None  # the plain average: one batch is enough
        model.encode(torch.randn(512, len(FEATURE_COLUMNS)))
    spectral_clamp(model.translators)
    return model.eval()


def small_mapper(seed: int = 0) -> GRUMapper:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return GRUMapper(hidden=HIDDEN).eval()


def rps_weights(model: RPS) -> dict[str, FloatArray]:
    """What a training leaves: the net, the prior of the features, the statistics of the latents."""
    width = np.repeat([m.latent.stop - m.latent.start for m in MODALITIES.values()], _WIDTHS).astype(np.float32)
    latents = {reflex.MEAN: np.zeros(LATENT_DIM, np.float32), reflex.SD: 1.0 / np.sqrt(width)}
    return {**weights_of(model), standardise.MEAN: MEAN, standardise.SD: SD, **latents}


def save_pair(
    folder: Path,
    *,
    seed: int = 0,
    rps: Mapping[str, FloatArray] | None = None,
    mapper: Mapping[str, FloatArray] | None = None,
    rps_card: Mapping[str, Any] | None = None,
    mapper_card: Mapping[str, Any] | None = None,
) -> None:
    """Two checkpoints that belong together; weights may be given, keys of the cards changed."""
    first = {**card("rps", seed), **(rps_card or {})}
    _, path = save_checkpoint(folder, rps_weights(small_rps(seed)) if rps is None else rps, first)
    partner = {"rps_sha256": json.loads(path.read_text("utf-8"))["weights_sha256"]}
    second = {**card("mapper", seed), **partner, **(mapper_card or {})}
    save_checkpoint(folder, weights_of(small_mapper(seed)) if mapper is None else mapper, second)


def card(kind: str, seed: int = 0) -> dict[str, Any]:
    return {"card_version": CARD_VERSION, "kind": kind, "run_id": f"{kind}-{seed}", "hz": HZ}


def through_json(state: Any) -> Any:
    """A state as a file would give it back: lists instead of arrays."""
    return json.loads(json.dumps(state, default=lambda value: value.tolist()))


def told_by_others(count: int, seed: int = 0, *, known: tuple[int, ...] = (0, 1, 2, 3, 4, 5)) -> torch.Tensor:
    """Standardised features [count, 11] in which the `known` motion columns follow heart, context and the beat's fourth
    harmonic but for 5 % of their variance; the other motion columns are noise of their own."""
    rng = np.random.default_rng(seed)
    heart, context = rng.standard_normal((count, 2)), rng.standard_normal((count, 1))
    beat = np.c_[rng.random(count), rng.integers(4, size=count)]
    quarter = np.sqrt(2.0) * beat_harmonics(torch.from_numpy(beat))[:, 6:7].numpy()
    own = rng.standard_normal((count, 6))
    motion = own.copy()
    motion[:, known] = (np.sqrt(0.95) * np.hstack((heart, context, quarter)) @ _MIX + np.sqrt(0.05) * own)[:, known]
    return torch.from_numpy(np.hstack((motion, heart, beat, context)).astype(np.float32))


@lru_cache
def taught_rps() -> RPS:
    """A net that has learnt the world of `told_by_others`, in eval mode. Don't change it: others use it too."""
    with torch.enable_grad(), torch.random.fork_rng():
        torch.manual_seed(3)
        model = RPS(hidden=16)
        optimizer = torch.optim.Adam(model.parameters(), 8e-3)
        everything = told_by_others(8192)
        for step in range(120):
            for group in optimizer.param_groups:
                group["lr"] = 8e-3 * (1.0 - step / 120)
            x = everything[torch.randint(len(everything), (256,))]
            optimizer.zero_grad()
            coherence_loss(model, x, x)["loss"].backward()
            optimizer.step()
            spectral_clamp(model.translators)
    return model.eval()


_WIDTHS = [m.latent.stop - m.latent.start for m in MODALITIES.values()]
_MIX = np.linalg.qr(np.random.default_rng(9).standard_normal((6, 4)))[0].T
_MIX = _MIX / np.linalg.norm(_MIX, axis=0)  # every motion column has variance 1
