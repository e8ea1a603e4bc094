"""`choreo-lab train mapper`: M3 on the latents M1 gives on stage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from choreo_models.checkpoint import Checkpoint, CheckpointError, load_checkpoint
from choreo_models.inference.numpy_kernel import NumpyCoherence
from choreo_models.inference.reflex import LatentScale
from choreo_models.inference.standardise import FeatureScaler
from choreo_models.inference.torch_kernel import weights_of
from choreo_pipelines.datasets import Entry
from choreo_pipelines.datasets.sessions import SessionArrays
from choreo_pipelines.evaluation.mapper import mapper_numbers
from choreo_pipelines.tasks.mapper import MapperSettings, MapperTask
from choreo_pipelines.tasks.studio import Result, Studio, hyperparameters
from choreo_pipelines.tasks.walk import groups, latents
from choreo_pipelines.teachers import Statistics, Teacher
from choreo_pipelines.training import Progress, TrainSettings, train
from choreo_service.errors import ConfigError
from choreo_service.packets import FEATURE_COLUMNS, MODALITY_NAMES, BoolArray

KIND: Final = "mapper"
MASKED_SHARE: Final = 0.3  # of the masked walk's time: the mapper must know reconstructed latents
_SPAN_S: Final = (1.0, 12.0)
_MUSIC: Final = slice(FEATURE_COLUMNS.index("beat_phase"), len(FEATURE_COLUMNS))
_PHASE: Final = FEATURE_COLUMNS.index("beat_phase")


def teach_mapper(
    studio: Studio,
    rps: Checkpoint,
    settings: MapperSettings,
    training: TrainSettings,
    *,
    resume: bool,
    progress: Progress,
) -> Result:
    """Train M3 on the studio's takes through `rps` and measure it on the dancers set aside."""
    hz = studio.corpus.hz
    teacher = Teacher.fit((e.features, Statistics.of(e.features)) for e in studio.train)
    own = lessons(studio, studio.train, rps, teacher, seed=training.seed)
    others = lessons(studio, studio.validation, rps, teacher, seed=training.seed)
    flat = [walk for walks in own for walk in walks.values()]
    known = [walks["known"] for walks in others]
    task = MapperTask(flat, known, settings, seed=training.seed, hz=hz, device=training.device)
    identity = {"data": studio.corpus.fingerprint, "rps": rps.run_id, **settings.to_dict()}
    history = train(task, training, studio.out, kind=KIND, resume=resume, progress=progress, identity=identity)
    model = task.modules().cpu()
    return Result(
        KIND,
        weights_of(model),
        history,
        hyperparameters(training, settings.to_dict()),
        mapper_numbers(model, [w["known"] for w in own], others),
        {"rps_run_id": rps.run_id, "rps_sha256": rps.card["weights_sha256"], "teacher": asdict(teacher)},
    )


def partner(folder: Path, hz: int) -> Checkpoint:
    """The `rps` checkpoint of `folder`, whose latents are to be mapped; ConfigError where there is none for `hz`."""
    try:
        rps = load_checkpoint(folder, "rps")
    except CheckpointError as error:
        raise ConfigError(
            f"the mapper learns on M1's latents: {error}",
            fix=f"M1 first, on the same takes: choreo-lab train rps TAKES --out {folder} --hz {hz}",
        ) from error
    if rps.hz != hz:
        raise ConfigError(f"{rps.run_id} was trained at {rps.hz:g} Hz, not {hz}", fix=f"--hz {rps.hz:g}")
    return rps


def lessons(
    studio: Studio, entries: Sequence[Entry], rps: Checkpoint, teacher: Teacher, *, seed: int
) -> list[dict[str, SessionArrays]]:
    """Per session four walks, each with z [T, 104] normalised, targets [T, 5] and phase [T].

    `unknown`: the performer is heard for the first time; `known`: after the soundcheck; `masked`: known, with
    modalities missing for a while; `apart`: known, dancing to another place of the music than the one that is heard.
    Without the last the mapper learns that bodies are always on the beat, and plays the clock when they aren't.
    """
    found = []
    for group in groups(entries):
        scenes = _scenes(group, studio.corpus.hz, seed)
        walked = _walk_all(group, scenes, rps, studio.corpus.hz)
        for row, entry in enumerate(group):
            targets = teacher.targets(entry.features, Statistics.of(entry.features), period_s=1.0 / studio.corpus.hz)
            found.append(
                {
                    walk: studio.keep(
                        f"{entry.path.stem}_{walk}",
                        {"z": walked[walk][row], "targets": targets, "phase": scene.features[row][:, _PHASE].copy()},
                    )
                    for walk, scene in scenes.items()
                }
            )
    return found


@dataclass(frozen=True, slots=True)
class _Scene:
    """What a group of performers is heard doing: features [T, 11] and presence [T, 4] of each."""

    features: list[NDArray[np.float32]]
    present: list[BoolArray]


def _scenes(group: Sequence[Entry], hz: float, seed: int) -> dict[str, _Scene]:
    rng = np.random.default_rng(seed)
    features = [np.asarray(e.features) for e in group]
    present: list[BoolArray] = [e.present.astype(np.bool_) for e in group]
    whole = _Scene(features, present)
    return {
        "unknown": whole,
        "known": whole,
        "masked": _Scene(features, [masked(p, hz, rng) for p in present]),
        "apart": _Scene([apart(x, rng) for x in features], present),
    }


def _walk_all(
    group: Sequence[Entry], scenes: Mapping[str, _Scene], rps: Checkpoint, hz: float
) -> dict[str, list[NDArray[np.float32]]]:
    """The scenes one after the other: what the first teaches of the performers, the others know."""
    kernel = NumpyCoherence(rps.weights)
    scaler = FeatureScaler.of(rps.weights, performers=len(group))
    scale = LatentScale(rps.weights, performers=1)
    return {
        name: [scale.apply(z) for z in latents(scene.features, scene.present, kernel, scaler, hz)]
        for name, scene in scenes.items()
    }


def apart(features: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """The same body [T, 11] with beat and context of another time of the take, between a quarter and three quarters of
    it away."""
    length = len(features)
    out = features.copy()
    out[:, _MUSIC] = np.roll(features[:, _MUSIC], int(rng.integers(length // 4, 3 * length // 4 + 1)), axis=0)
    return out


def masked(present: BoolArray, hz: float, rng: np.random.Generator, share: float = MASKED_SHARE) -> BoolArray:
    """`present` [T, 4] without motion, heart or context for random spans that fill about `share` of the time."""
    out = present.copy()
    gone, length = 0, len(present)
    while gone < share * length:
        span = round(rng.uniform(*_SPAN_S) * hz)
        first = int(rng.integers(max(1, length - span)))
        out[first : first + span, MODALITY_NAMES.index(str(rng.choice(_MAY_MISS)))] = False
        gone += span
    return out


_MAY_MISS: Final = ("motion", "heart", "context")  # the beat is the service's own clock
