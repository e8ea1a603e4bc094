"""One seed of the gates: train everything, then measure on dancers and music nobody trained on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from choreo_models.checkpoint import load_checkpoint
from choreo_models.inference.players import Pair, load_pair
from choreo_models.inference.standardise import MEAN, SD
from choreo_pipelines.datasets import Corpus
from choreo_pipelines.datasets.recorded import HOME_BPM
from choreo_pipelines.evaluation.body import Dancers
from choreo_pipelines.evaluation.gates.coherence import (
    Sides,
    adaptation_gates,
    error_gate,
    latent_gates,
    plain_numbers,
    silence_gates,
)
from choreo_pipelines.evaluation.gates.music import generator_gates, mapper_gates, stage_gates
from choreo_pipelines.evaluation.gates.reading import Reading
from choreo_pipelines.evaluation.mapper import teacher_apart
from choreo_pipelines.evaluation.stage import loop_drift, on_stage
from choreo_pipelines.generator import HR_MODES, HZ, Settings, generate, synthesize
from choreo_pipelines.tasks.mapper import MapperSettings
from choreo_pipelines.tasks.rps import RPSSettings
from choreo_pipelines.tasks.studio import Result, Studio, write_result
from choreo_pipelines.tasks.teach_mapper import teach_mapper
from choreo_pipelines.tasks.teach_rps import standardised, teach_rps
from choreo_pipelines.teachers import Teacher
from choreo_pipelines.training import Progress, TrainSettings, prepare_folder
from choreo_service.clock import NS
from choreo_service.core import Core
from choreo_service.service.models import load_models
from choreo_service.session import Session

TRAIN_SEED: Final = 100
UNSEEN_SEED: Final = 200
DRIFT_MINUTES: Final = 5.0
_PERIOD_NS: Final = NS // HZ


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is trained and measured. The defaults are those of the published figures."""

    sessions: int = 8
    unseen: int = 5
    minutes: float = 3.0
    rps_steps: int = 2000
    mapper_steps: int = 1500


def trial(seed: int, work: Path, scale: Scale, progress: Callable[[str], Progress]) -> Iterator[Reading]:
    """All gates of one seed. Takes and checkpoints stay in `work`."""
    studios = {mode: _studio(mode, work, seed, scale) for mode in HR_MODES}
    for mode, studio in studios.items():
        yield from generator_gates(
            mode, [synthesize(_settings(mode, scale), TRAIN_SEED, i) for i in range(scale.sessions)]
        )
        plain = _teach_m1(studio, seed, scale, False, progress(f"seed {seed} {mode} C"))
        shown = _sides(studio, plain)
        yield from latent_gates(plain.out, mode, shown)
        c3 = _teach_m1(studio, seed, scale, True, progress(f"seed {seed} {mode} C3"))
        yield from error_gate(c3.out, mode, _sides(studio, c3), plain_numbers(plain.out, shown))
    live = _inside(studios["ble"], "plain")
    _teach_m3(live, seed, scale, progress(f"seed {seed} M3"))
    yield from _played(load_pair(live.out), live, work, scale)


def _played(pair: Pair, studio: Studio, work: Path, scale: Scale) -> Iterator[Reading]:
    features = np.stack([e.features for e in studio.validation])
    dancers = Dancers(features, np.ones((*features.shape[:2], 4), np.bool_), float(HZ))
    teacher = Teacher(**{name: tuple(values) for name, values in pair.mapper.card["teacher"].items()})
    yield from mapper_gates(pair.mapper.card["metrics"], teacher_apart(dancers, teacher))
    yield from silence_gates(pair, dancers)
    yield from adaptation_gates(pair, dancers, teacher)

    def new_core() -> Core:
        models = load_models(studio.out, performers=1, period_ns=_PERIOD_NS)
        return Core(performers=1, period_ns=_PERIOD_NS, home_bpm=HOME_BPM, models=models)

    takes = _takes("ble", work, scale, UNSEEN_SEED, scale.unseen)
    drift = loop_drift(takes[0], new_core, minutes=DRIFT_MINUTES)
    yield from stage_gates(on_stage(takes, new_core), drift)


def _settings(mode: str, scale: Scale) -> Settings:
    return Settings(minutes=scale.minutes, hr_mode=mode)


def _takes(mode: str, work: Path, scale: Scale, seed: int, count: int) -> list[Session]:
    folder = work / f"{mode}_{seed}"
    return [take for take, _, _ in generate(_settings(mode, scale), sessions=count, seed=seed, out=folder)]


def _studio(mode: str, work: Path, seed: int, scale: Scale) -> Studio:
    """Training and unseen dancers come from different seeds: nothing has to be set aside."""
    out = work / f"seed_{seed}_{mode}"
    sides = [
        Corpus.open(_takes(mode, work, scale, data_seed, count), work / "cache", hz=HZ)
        for data_seed, count in ((TRAIN_SEED, scale.sessions), (UNSEEN_SEED, scale.unseen))
    ]
    takes = _takes(mode, work, scale, TRAIN_SEED, scale.sessions)
    return Studio(takes, sides[0], sides[0].entries, sides[1].entries, out)


def _inside(studio: Studio, name: str) -> Studio:
    return Studio(studio.takes, studio.corpus, studio.train, studio.validation, studio.out / name)


def _teach_m1(studio: Studio, seed: int, scale: Scale, targets_learn: bool, progress: Progress) -> Studio:
    inside = _inside(studio, "c3" if targets_learn else "plain")
    training = TrainSettings(scale.rps_steps, 2e-3, seed=seed, validate_every=scale.rps_steps, device="cpu")
    prepare_folder(inside.out, "rps", resume=False, replace=True)
    settings = RPSSettings(targets_learn=targets_learn)
    _write(inside, teach_rps(inside, settings, training, resume=False, progress=progress))
    return inside


def _teach_m3(studio: Studio, seed: int, scale: Scale, progress: Progress) -> None:
    training = TrainSettings(scale.mapper_steps, 2e-3, seed=seed, validate_every=scale.mapper_steps, device="cpu")
    prepare_folder(studio.out, "mapper", resume=False, replace=True)
    rps = load_checkpoint(studio.out, "rps")
    _write(studio, teach_mapper(studio, rps, MapperSettings(), training, resume=False, progress=progress))


def _write(studio: Studio, result: Result) -> None:
    write_result(studio, result, "choreo-lab gates")


def _sides(studio: Studio, trained: Studio) -> Sides:
    """Both sides as the trained encoders are shown them."""
    weights = load_checkpoint(trained.out, "rps").weights
    train, unseen = (
        standardised(trained, side, weights[MEAN], weights[SD]) for side in (studio.train, studio.validation)
    )
    return train, unseen
