"""Unseen dancers as arrays, and the pair of checkpoints that plays them: what the gates of M1-M3 are measured on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from choreo_models.checkpoint import Checkpoint, Weights
from choreo_models.inference.absence import Absence, reconstruct
from choreo_models.inference.numpy_kernel import NumpyCoherence, NumpyReflex
from choreo_models.inference.players import Pair
from choreo_models.inference.reflex import LatentScale
from choreo_models.inference.standardise import FeatureScaler
from choreo_pipelines.tasks.walk import coherence, frames
from choreo_pipelines.teachers import Statistics, Teacher
from choreo_service.packets import BoolArray, FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Dancers:
    """Sessions side by side, all of one length."""

    features: FloatArray  # [B, T, 11]
    present: BoolArray  # [B, T, 4]
    hz: float

    @property
    def count(self) -> int:
        return len(self.features)

    def masked(self, modality: int, spans: Sequence[slice]) -> Dancers:
        """Without one modality in these frames."""
        present = self.present.copy()
        for span in spans:
            present[:, span, modality] = False
        return replace(self, present=present)

    def targets(self, teacher: Teacher) -> FloatArray:
        """[B, T, 5] what the teacher would play, from statistics of the whole session."""
        return np.stack([teacher.targets(x, Statistics.of(x), period_s=1.0 / self.hz) for x in self.features])


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """One walk: latents and what M3 made of them."""

    z: FloatArray  # [B, T, 104]
    controls: FloatArray  # [B, T, 5] as the mapper gave them


def known_scaler(pair: Pair, dancers: Dancers) -> FeatureScaler:
    """Statistics after a soundcheck: the whole session once."""
    scaler = FeatureScaler.of(pair.rps.weights, performers=dancers.count)
    for _ in _walk(pair.rps.weights, dancers, scaler):
        pass
    return scaler


def frozen_scaler(pair: Pair, dancers: Dancers) -> FeatureScaler:
    """The training performers' statistics for everybody: the baseline of adaptation."""
    scaler = FeatureScaler.of(pair.rps.weights, performers=dancers.count)
    scaler.statistics.freeze()
    return scaler


def hear(
    pair: Pair,
    dancers: Dancers,
    scaler: FeatureScaler,
    *,
    absence: Absence = reconstruct,
    rps: Weights | None = None,
) -> Heard:
    """Walk the dancers through M1, M2 and M3 on the nets' own grid. `rps` stands in for the pair's M1 weights."""
    weights = pair.rps.weights
    scale = LatentScale(weights, performers=1)
    reflex = NumpyReflex(pair.mapper.weights)
    h = np.zeros((dancers.count, reflex.hidden), np.float32)
    latents, controls = [], []
    for z in _walk(rps or weights, dancers, scaler, absence):
        c, h = reflex.reflex(scale.apply(z), h)
        latents.append(z)
        controls.append(c)
    return Heard(np.stack(latents, axis=1), np.stack(controls, axis=1))


def with_random_translators(rps: Checkpoint, seed: int) -> dict[str, NDArray[np.float32]]:
    """The same encoders with translators that know nothing, scaled to the same largest singular value."""
    rng = np.random.default_rng(seed)
    weights = dict(rps.weights)
    for name, value in rps.weights.items():
        if name.startswith("translators.") and name.endswith("weight"):
            noise = np.where(value == 0.0, 0.0, rng.normal(size=value.shape))
            weights[name] = (noise * np.linalg.norm(value, 2) / np.linalg.norm(noise, 2)).astype(np.float32)
    return weights


def _walk(
    weights: Weights, dancers: Dancers, scaler: FeatureScaler, absence: Absence = reconstruct
) -> Iterator[FloatArray]:
    m1 = coherence(NumpyCoherence(weights), scaler, dancers.count, dancers.hz, absence)
    for frame in frames(list(dancers.features), list(dancers.present), dancers.hz):
        yield m1.step(frame).z
