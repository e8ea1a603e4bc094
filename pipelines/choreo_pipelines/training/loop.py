"""The training loop, whichever network is trained.

Everything random is a function of (seed, step), and the saved state holds everything else: a run that is interrupted
and resumed gives the weights of the run that was not, bit for bit on the same CPU, torch and number of threads.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch

from choreo_pipelines.training.errors import TrainingInterrupted
from choreo_pipelines.training.history import History
from choreo_pipelines.training.interrupt import DeferredInterrupt
from choreo_pipelines.training.progress import Progress
from choreo_pipelines.training.resume import load_state, save_state
from choreo_pipelines.training.run import Run
from choreo_pipelines.training.settings import FREE_ON_RESUME, TrainSettings, option
from choreo_pipelines.training.task import Task


def train(
    task: Task,
    settings: TrainSettings,
    folder: Path,
    *,
    kind: str,
    resume: bool,
    progress: Progress,
    identity: Mapping[str, Any] = MappingProxyType({}),
) -> History:
    """Train to the last step and return what was measured; the task's modules then hold the result, in eval mode.

    `folder` has been through `prepare_folder`. `identity` is what a resumed run must share beside the settings: the
    data's fingerprint, the network's sizes; name -> JSON value. The state of the last step stays on disk, so that
    nothing is lost while the caller evaluates; it calls `discard_state` when the result is written.

    TrainingError when loss or gradient are not finite or the state can't be written; TrainingInterrupted (130) after
    Ctrl-C; ConfigError when the state to resume is another run's.
    """
    run = Run(task, settings)
    same = _identity(settings, identity)
    if resume:
        run.restore(*load_state(folder, kind, same))
    saved = run.step if resume else None
    with _reproducible(), DeferredInterrupt() as interrupt, _shown(progress, run):
        try:
            while run.step < settings.steps:
                _advance(run, progress)
                if interrupt.requested or _due(run.step, settings.save_every, settings):
                    save_state(folder, kind, run.step, same, run.tensors())
                    saved = run.step
                if interrupt.requested:
                    raise KeyboardInterrupt
        except KeyboardInterrupt:
            raise _interrupted(run, folder, saved) from None
    run.finish()
    return run.history


def _advance(run: Run, progress: Progress) -> None:
    run.advance()
    if _due(run.step, run.settings.validate_every, run.settings):
        progress.validated(run.step, run.validate())
    progress.step(run.step, run.history.steps["loss"][-1])


def _due(step: int, every: int, settings: TrainSettings) -> bool:
    return step % every == 0 or step == settings.steps


def _identity(settings: TrainSettings, identity: Mapping[str, Any]) -> dict[str, Any]:
    options = {option(name): value for name, value in settings.to_dict().items() if name not in FREE_ON_RESUME}
    return {**identity, **options, "torch": torch.__version__}


def _interrupted(run: Run, folder: Path, saved: int | None) -> TrainingInterrupted:
    at = f"stopped in step {run.step + 1} of {run.settings.steps}"
    if saved is None:
        return TrainingInterrupted(f"{at}; nothing was saved yet", fix="the same command starts anew")
    if saved == run.step:
        at = f"stopped after step {run.step} of {run.settings.steps}"
    return TrainingInterrupted(f"{at}; step {saved} is saved in {folder}", fix="go on: the same command with --resume")


@contextlib.contextmanager
def _reproducible() -> Iterator[None]:
    """Deterministic algorithms, and torch's global random state as it was afterwards."""
    before, warns = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    with torch.random.fork_rng():
        torch.use_deterministic_algorithms(True)
        try:
            yield
        finally:
            torch.use_deterministic_algorithms(before, warn_only=warns)


@contextlib.contextmanager
def _shown(progress: Progress, run: Run) -> Iterator[None]:
    progress.begin(run.step, run.settings.steps)
    try:
        yield
    finally:
        progress.end()
