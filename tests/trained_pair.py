"""The pair of checkpoints that long tests play: the shipped one, else one that has learnt for a moment."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path
from typing import Final

from training_toys import Listener

from choreo_models.checkpoint import CARD_VERSION, save_checkpoint
from choreo_models.inference import Pair, load_pair
from choreo_pipelines.generator import Settings, generate
from choreo_pipelines.inference_bench.variants import one_thread
from choreo_pipelines.tasks.mapper import MapperSettings
from choreo_pipelines.tasks.rps import RPSSettings
from choreo_pipelines.tasks.studio import Result, Studio
from choreo_pipelines.tasks.teach_mapper import partner, teach_mapper
from choreo_pipelines.tasks.teach_rps import teach_rps
from choreo_pipelines.training import TrainSettings
from choreo_service.service.models import has_checkpoints

SHIPPED: Final = Path(__file__).resolve().parents[1] / "checkpoints"
STEPS: Final = 50
HZ: Final = 50


@cache
def trained_pair() -> Pair:
    """Don't change it: others use it too."""
    if has_checkpoints(SHIPPED):
        return load_pair(SHIPPED)
    with tempfile.TemporaryDirectory() as folder, one_thread():
        return _taught(Path(folder))


def _taught(folder: Path) -> Pair:
    """As choreo-lab train makes it, in the usual widths, after STEPS steps on two dancers of half a minute."""
    settings = Settings(minutes=0.5, hr_mode="ble")
    takes = [take.path for take, _, _ in generate(settings, sessions=2, seed=9, out=folder / "takes")]
    studio = Studio.open(takes, folder / "out", seed=0, hz=HZ)
    training, quiet = TrainSettings(STEPS, 2e-3, device="cpu"), Listener()
    _save(teach_rps(studio, RPSSettings(batch=128), training, resume=False, progress=quiet), studio.out)
    rps = partner(studio.out, HZ)
    lesson = MapperSettings(lanes=4, window=20)
    _save(teach_mapper(studio, rps, lesson, training, resume=False, progress=quiet), studio.out)
    return load_pair(studio.out)


def _save(result: Result, folder: Path) -> None:
    card = {"card_version": CARD_VERSION, "kind": result.kind, "run_id": f"{result.kind}-quick", "hz": HZ}
    save_checkpoint(folder, result.weights, {**card, **result.extra})
