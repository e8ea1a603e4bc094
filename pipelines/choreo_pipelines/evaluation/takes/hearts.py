"""How fast real hearts follow the effort, beside what the generator assumes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from choreo_pipelines.bodies import HeartFit, fit_heart_rate, read_paces
from choreo_pipelines.bodies.pace import MIN_BOUT_S
from choreo_pipelines.generator.settings import TAU_PRESETS_S
from choreo_pipelines.metrics import Result


@dataclass(frozen=True, slots=True)
class Heart(Result):
    """One recording; a fit per kind of effort found in it."""

    recording: str
    assumed_tau_s: float  # the generator's default
    presets_s: tuple[float, ...]
    fits: tuple[HeartFit, ...]
    covering_s: Mapping[str, tuple[float, ...]]  # effort -> presets inside the 95 % interval of its fit

    def text(self) -> str:
        """A heading and what each effort says."""
        presets = ", ".join(f"{tau:g}" for tau in self.presets_s)
        heading = f"{self.recording}: the generator assumes {self.assumed_tau_s:g} s; its presets are {presets} s"
        found = [fit.text() for fit in self.fits]
        return "\n".join([heading, *(found or [f"no {MIN_BOUT_S} s with both heart rate and effort"])])


def read_heart(path: Path) -> Heart:
    """Of a take, a TCX or FIT activity, or another recording; ChoreoError when it can't be read."""
    fits = tuple(fit_heart_rate(pace) for pace in read_paces(path))
    return Heart(path.name, TAU_PRESETS_S[0], TAU_PRESETS_S, fits, {fit.effort: fit.covering for fit in fits})
