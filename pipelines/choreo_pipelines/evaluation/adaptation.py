"""Does knowing the performer help, and is a loud section still loud after two minutes?"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from choreo_models.inference.players import Pair
from choreo_models.inference.standardise import FeatureScaler
from choreo_models.normaliser import LatentNormalizer
from choreo_pipelines.evaluation.body import Dancers, frozen_scaler, hear, known_scaler
from choreo_pipelines.teachers import Teacher
from choreo_service.packets import CONTROL_NAMES, FEATURE_COLUMNS, FloatArray

HEARD_S: Final = 30.0  # before that a performer's statistics are mostly the prior's
SUSTAINED_S: Final = 120.0
SOUNDCHECK_S: Final = 90.0
_EDGE_S: Final = 10.0  # of the sustained section, compared at its two ends


@dataclass(frozen=True, slots=True)
class Adaptation:
    """M3's loss over performers it has never seen: mean and standard deviation of their mean squared errors."""

    mean: float
    sd: float
    frozen_mean: float
    frozen_sd: float


def adaptation(pair: Pair, dancers: Dancers, teacher: Teacher) -> Adaptation:
    """The performers' own running statistics, from the first frame on, beside the training performers' frozen ones."""
    targets = dancers.targets(teacher)
    own = _losses(pair, dancers, FeatureScaler.of(pair.rps.weights, performers=dancers.count), targets)
    frozen = _losses(pair, dancers, frozen_scaler(pair, dancers), targets)
    return Adaptation(float(own.mean()), float(own.std()), float(frozen.mean()), float(frozen.std()))


def sag(pair: Pair, dancers: Dancers, *, memory_s: float | None = None) -> float:
    """By how much density falls from the first to the last ten seconds of a two-minute section that stays as it is,
    mean over dancers. The section repeats each dancer's own loudest phrase, after a soundcheck. `memory_s` puts an
    exponential memory in place of the statistics played with: the baseline that forgets."""
    length = round(SUSTAINED_S * dancers.hz)
    soundcheck = round(SOUNDCHECK_S * dancers.hz)
    phrases = np.stack([_loudest(x, round(_EDGE_S * dancers.hz)) for x in dancers.features])
    repeats = -(-length // phrases.shape[1])
    loud = np.tile(phrases, (1, repeats, 1))[:, :length]
    features = np.concatenate([dancers.features[:, :soundcheck], loud], axis=1)
    present = np.ones((*features.shape[:2], dancers.present.shape[2]), np.bool_)
    section = replace(dancers, features=features, present=present)
    scaler = FeatureScaler.of(pair.rps.weights, performers=dancers.count)
    if memory_s is not None:
        prior = scaler.statistics
        frames = memory_s * dancers.hz
        scaler.statistics = LatentNormalizer(
            prior.mean[0], prior.sd[0], rows=dancers.count, settle=frames, memory=frames
        )
    density = hear(pair, section, scaler).controls[..., CONTROL_NAMES.index("density")]
    edge = phrases.shape[1]
    return float((density[:, soundcheck : soundcheck + edge].mean(axis=1) - density[:, -edge:].mean(axis=1)).mean())


def known_loss(pair: Pair, dancers: Dancers, teacher: Teacher) -> float:
    """Mean squared error of M3 on performers it knows from a soundcheck."""
    return float(_losses(pair, dancers, known_scaler(pair, dancers), dancers.targets(teacher)).mean())


def _losses(pair: Pair, dancers: Dancers, scaler: FeatureScaler, targets: FloatArray) -> NDArray[np.float64]:
    """[B] mean squared errors after HEARD_S against `targets` [B, T, 5]."""
    first = round(HEARD_S * dancers.hz)
    apart = (hear(pair, dancers, scaler).controls - targets)[:, first:].astype(np.float64)
    losses: NDArray[np.float64] = np.square(apart).mean(axis=(1, 2))
    return losses


def _loudest(features: FloatArray, length: int) -> FloatArray:
    """The `length` frames [length, 11] of [T, 11] with the highest mean energy."""
    energy = features[:, FEATURE_COLUMNS.index("motion_energy")].astype(np.float64)
    sums = np.concatenate(([0.0], np.cumsum(energy)))
    first = int(np.argmax(sums[length:] - sums[:-length]))
    return features[first : first + length]
