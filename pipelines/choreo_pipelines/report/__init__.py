"""The groove report of a take: its metrics beside the fakes that expose them, with figures, in one folder."""

from choreo_pipelines.report.measure import MASKED, SHUFFLED, SWAPPED, TAKE, Clip, Measured, measure
from choreo_pipelines.report.subject import Subject, open_subject
from choreo_pipelines.report.variants import Variants, play_variants
from choreo_pipelines.report.write import write_report

__all__ = [
    "MASKED",
    "SHUFFLED",
    "SWAPPED",
    "TAKE",
    "Clip",
    "Measured",
    "Subject",
    "Variants",
    "measure",
    "open_subject",
    "play_variants",
    "write_report",
]
