"""M0: dances made of equations, for training and testing where no recording of a real dancer may or can be used."""

from choreo_pipelines.generator.promises import Promise, check
from choreo_pipelines.generator.session import Synthetic, synthesize
from choreo_pipelines.generator.settings import BOUNDS, HR_MODES, HZ, VERSION, Performer, Settings
from choreo_pipelines.generator.takes import generate, is_synthetic, regenerate

__all__ = [
    "BOUNDS",
    "HR_MODES",
    "HZ",
    "VERSION",
    "Performer",
    "Promise",
    "Settings",
    "Synthetic",
    "check",
    "generate",
    "is_synthetic",
    "regenerate",
    "synthesize",
]
