"""Metrics of a take, always on the values that were really sent (docs/metrics.md).

Pure functions of columns on an even grid (`on_grid`) and of the beat count (`beat_position`). Each returns a frozen
dataclass with a `verdict` and `to_dict()`; a take without beat, heart or motion gets "not computable" with the reason.
"""

from choreo_pipelines.metrics.alignment import BeatAlignment, beat_alignment
from choreo_pipelines.metrics.beat import beat_position, index_at
from choreo_pipelines.metrics.drift import DriftStability, concordance, drift_stability
from choreo_pipelines.metrics.energy import EnergyCorrelation, energy_correlation
from choreo_pipelines.metrics.phase import PhaseCoherence, phase_coherence
from choreo_pipelines.metrics.prediction import PredictionError, prediction_error
from choreo_pipelines.metrics.result import Outcome, Result, Verdict
from choreo_pipelines.metrics.separation import Reading, Separation, read_density, separation
from choreo_pipelines.metrics.series import on_grid, used_range
from choreo_pipelines.metrics.usage import ControlUsage, control_usage

__all__ = [
    "BeatAlignment",
    "ControlUsage",
    "DriftStability",
    "EnergyCorrelation",
    "Outcome",
    "PhaseCoherence",
    "PredictionError",
    "Reading",
    "Result",
    "Separation",
    "Verdict",
    "beat_alignment",
    "beat_position",
    "concordance",
    "control_usage",
    "drift_stability",
    "energy_correlation",
    "index_at",
    "on_grid",
    "phase_coherence",
    "prediction_error",
    "read_density",
    "separation",
    "used_range",
]
