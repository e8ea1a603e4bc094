"""`choreo-lab train rps`: M1, and the statistics of M2 that belong to its latents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from choreo_models.inference.masks import FEATURE_OF
from choreo_models.inference.reflex import MEAN as LATENT_MEAN
from choreo_models.inference.reflex import SD as LATENT_SD
from choreo_models.inference.standardise import MEAN, SD, FeatureScaler
from choreo_models.inference.torch_kernel import weights_of
from choreo_models.rps import RPS
from choreo_pipelines.datasets import Entry
from choreo_pipelines.datasets.sessions import SessionArrays
from choreo_pipelines.evaluation.coherence import BlockNumbers, block_numbers
from choreo_pipelines.evaluation.gate import (
    DECODED,
    LEAST_SD,
    MASKED_CONTEXT,
    MASKED_ENERGY,
    MASKED_HR,
    MASKED_MOTION,
    NORM,
)
from choreo_pipelines.evaluation.metric import metric
from choreo_pipelines.tasks.rps import RPSSettings, RPSTask
from choreo_pipelines.tasks.studio import Result, Studio, hyperparameters
from choreo_pipelines.tasks.walk import groups, inputs
from choreo_pipelines.training import Progress, TrainSettings, train
from choreo_service.errors import ConfigError
from choreo_service.packets import FEATURE_COLUMNS, MODALITIES

KIND = "rps"
_MOTION = {name: i for i, name in enumerate(MODALITIES["motion"].columns)}


def teach_rps(
    studio: Studio, settings: RPSSettings, training: TrainSettings, *, resume: bool, progress: Progress
) -> Result:
    """Train M1 on the studio's takes and measure it on the dancers set aside. ConfigError when no take to learn from
    has one of the modalities: its block would be a constant, and blow up when that sensor comes on stage."""
    refuse_unheard(studio.train)
    mean, sd = prior(studio.train)
    own, others = (standardised(studio, side, mean, sd) for side in (studio.train, studio.validation))
    task = RPSTask(own, others, settings, seed=training.seed, device=training.device)
    identity = {"data": studio.corpus.fingerprint, **settings.to_dict()}
    history = train(task, training, studio.out, kind=KIND, resume=resume, progress=progress, identity=identity)
    model = task.modules().cpu()
    latent_mean, latent_sd = latent_statistics(model, own)
    weights = {**weights_of(model), MEAN: mean, SD: sd, LATENT_MEAN: latent_mean, LATENT_SD: latent_sd}
    numbers = block_numbers(model, *(np.concatenate([s[name] for s in others]) for name in ("x", "memory")))
    return Result(KIND, weights, history, hyperparameters(training, settings.to_dict()), card_metrics(numbers))


def refuse_unheard(entries: Sequence[Entry]) -> None:
    """ConfigError naming the modalities that none of these has."""
    heard = np.any([e.present.any(axis=0) for e in entries], axis=0)
    unheard = [name for name, there in zip(MODALITIES, heard, strict=True) if not there]
    if unheard:
        raise ConfigError(
            f"none of the {len(entries)} takes to learn from has {' or '.join(unheard)}; "
            f"M1 learns how all four modalities belong together",
            fix="add takes that have it, or synthetic ones: make generate-data, and name recordings/m0 as well",
        )


def prior(entries: Sequence[Entry]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean and deviation [11] of each column over the frames in which it was there; 0 and 1 where it never was."""
    count, total, square = (np.zeros(len(FEATURE_COLUMNS)) for _ in range(3))
    for entry in entries:
        there = entry.present.astype(bool)[:, FEATURE_OF]
        x = np.where(there, entry.features, 0.0).astype(np.float64)
        count += there.sum(axis=0)
        total += x.sum(axis=0)
        square += (x * x).sum(axis=0)
    mean = total / np.maximum(count, 1)
    sd = np.sqrt(np.maximum(square / np.maximum(count, 1) - mean**2, 0.0))
    return mean.astype(np.float32), np.where(sd > 1e-6, sd, 1.0).astype(np.float32)


def standardised(
    studio: Studio, entries: Sequence[Entry], mean: NDArray[np.float32], sd: NDArray[np.float32]
) -> list[SessionArrays]:
    """Per session x and memory [T, 11] as the encoders are shown them."""
    kept = []
    for group in groups(entries):
        scaler = FeatureScaler(mean, sd, performers=len(group))
        for entry, (x, memory) in zip(group, inputs(group, scaler, studio.corpus.hz), strict=True):
            kept.append(studio.keep(f"{entry.path.stem}_x", {"x": x, "memory": memory}))
    return kept


@torch.no_grad()
def latent_statistics(model: RPS, sessions: Sequence[SessionArrays]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """M2's frozen statistics: mean and deviation [104] of the training latents."""
    sums = [(len(z), z.sum(axis=0), np.square(z).sum(axis=0)) for z in (_encoded(model, s["x"]) for s in sessions)]
    count, total, square = (sum(column) for column in zip(*sums, strict=True))
    mean = total / count
    sd = np.sqrt(np.maximum(square / count - mean**2, 1e-12))
    return mean.astype(np.float32), sd.astype(np.float32)


def card_metrics(numbers: Mapping[str, BlockNumbers]) -> dict[str, dict[str, Any]]:
    """The card's numbers of M1, on the dancers set aside, performers known; the limits are those for straps."""
    found: dict[str, dict[str, Any]] = {}
    zero, mean = {"always the mean": 0.0}, {"always the mean": 1.0}
    for name, n in numbers.items():
        found[f"nmse_loo_{name}"] = metric(n.nmse, mean)
        found[f"norm_{name}"] = metric(n.norm, {}, NORM)
        found[f"least_sd_{name}"] = metric(n.least_sd, {"collapsed": 0.0}, LEAST_SD)
        found[f"effective_rank_{name}"] = metric(n.effective_rank, {})
        found[f"decode_r2_{name}"] = metric(min(n.decode_r2), zero, DECODED)
    motion, heart, context = (numbers[name].masked_r2 for name in ("motion", "heart", "context"))
    for name, value, gate in (
        ("motion_energy", motion[_MOTION["motion_energy"]], MASKED_ENERGY["ble"]),
        ("motion", float(np.mean(motion)), MASKED_MOTION),
        ("hr", heart[0], MASKED_HR),
        ("context", context[0], MASKED_CONTEXT),
    ):
        found[f"masked_r2_{name}"] = metric(value, zero, gate)
    for i, value in enumerate(numbers["beat"].masked_r2):
        found[f"masked_r2_beat_harmonic_{i}"] = metric(value, zero)
    return found


def _encoded(model: RPS, x: NDArray[np.float32]) -> NDArray[np.float64]:
    z: NDArray[np.float64] = model.encode(torch.from_numpy(np.array(x))).numpy().astype(np.float64)
    return z
