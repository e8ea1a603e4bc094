"""Real bodies: how fast a measured heart answers, recordings as takes, what a lost sensor does to the music."""

from choreo_pipelines.bodies.heart_fit import HeartFit, fit_heart_rate
from choreo_pipelines.bodies.missing import Gap, MissingModality, missing_modality
from choreo_pipelines.bodies.mocap import read_mocap
from choreo_pipelines.bodies.pace import Bout, Pace, read_paces
from choreo_pipelines.bodies.real_takes import real_takes

__all__ = [
    "Bout",
    "Gap",
    "HeartFit",
    "MissingModality",
    "Pace",
    "fit_heart_rate",
    "missing_modality",
    "read_mocap",
    "read_paces",
    "real_takes",
]
