"""What the trained models make of every take of their studio, as tables of the session format."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from choreo_models.checkpoint import load_checkpoint
from choreo_models.inference.numpy_kernel import NumpyCoherence
from choreo_models.inference.reflex import LatentScale
from choreo_models.inference.standardise import FeatureScaler
from choreo_pipelines.datasets.recorded import HOME_BPM
from choreo_pipelines.playing import Played, play
from choreo_pipelines.playing import dump_controls as write_controls
from choreo_pipelines.playing import dump_latents as write_latents
from choreo_pipelines.tasks.studio import Studio
from choreo_pipelines.tasks.walk import coherence, frames
from choreo_service.clock import NS
from choreo_service.core import Core
from choreo_service.packets import CONTROL_NAMES
from choreo_service.replay import take_entries
from choreo_service.service.models import load_models


def dump_latents(studio: Studio) -> list[Path]:
    """`<take>_latent.parquet` of every take in the studio's folder, by its `rps` checkpoint."""
    weights = load_checkpoint(studio.out, "rps").weights
    kernel, scale = NumpyCoherence(weights), LatentScale(weights, performers=1)
    written = []
    for entry in studio.corpus.entries:
        m1 = coherence(kernel, FeatureScaler.of(weights, performers=1), 1, studio.corpus.hz)
        found = [m1.step(frame) for frame in frames([entry.features], [entry.present], studio.corpus.hz)]
        z = np.concatenate([latent.z for latent in found])
        nobody = np.full((len(z), len(CONTROL_NAMES)), np.nan, np.float32)
        played = Played(
            name=entry.name,
            hz=studio.corpus.hz,
            t_ns=entry.t_ns,
            features=entry.features,
            present=entry.present.astype(np.bool_),
            raw=nobody,
            controls=nobody,
            held=np.zeros(len(z), np.bool_),
            mapper="",
            z=z,
            z_norm=scale.apply(z),
            filled=np.concatenate([latent.filled for latent in found]),
            coherence=np.concatenate([latent.coherence for latent in found]),
        )
        written.append(studio.out / f"{entry.name}_latent.parquet")
        write_latents(played, written[-1])
    return written


def dump_controls(studio: Studio) -> list[Path]:
    """`<take>_controls.parquet` of every take, as the service would have sent them with the studio's checkpoints."""
    period_ns = round(NS / studio.corpus.hz)
    written = []
    for take in studio.takes:
        models = load_models(studio.out, performers=1, period_ns=period_ns)
        core = Core(performers=1, period_ns=period_ns, home_bpm=HOME_BPM, models=models)
        written.append(studio.out / f"{take.path.name}_controls.parquet")
        write_controls(play(take_entries(take, period_ns), core, name=take.path.name), written[-1])
    return written
