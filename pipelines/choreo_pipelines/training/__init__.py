"""Training, whichever network is trained: the loop, its state on disk, its progress, its curves and the card.

A command calls `prepare_folder`, `train`, writes its checkpoint and card, `write_curves`, then `discard_state`.
"""

from choreo_pipelines.training.card import build_card, command_line, git_revision
from choreo_pipelines.training.curves import write_curves
from choreo_pipelines.training.errors import TrainingError, TrainingInterrupted
from choreo_pipelines.training.history import History
from choreo_pipelines.training.loop import train
from choreo_pipelines.training.progress import Progress, open_progress
from choreo_pipelines.training.resume import discard_state, prepare_folder
from choreo_pipelines.training.settings import TrainSettings, resolve_device, use_one_thread
from choreo_pipelines.training.task import Task

__all__ = [
    "History",
    "Progress",
    "Task",
    "TrainSettings",
    "TrainingError",
    "TrainingInterrupted",
    "build_card",
    "command_line",
    "discard_state",
    "git_revision",
    "open_progress",
    "prepare_folder",
    "resolve_device",
    "train",
    "use_one_thread",
    "write_curves",
]
