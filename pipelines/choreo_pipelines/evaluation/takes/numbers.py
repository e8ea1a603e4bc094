"""What came out of a core that played a take: sound values, used ranges, and how much of it was reconstructed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from choreo_pipelines.metrics import Result, control_usage, on_grid
from choreo_pipelines.metrics.series import MIN_RANGE
from choreo_pipelines.playing import Played
from choreo_pipelines.report.measure import LISTENS_TO
from choreo_service.clock import NS
from choreo_service.packets import CONTROL_NAMES, MODALITY_NAMES


@dataclass(frozen=True, slots=True)
class ControlNumbers(Result):
    """One control as sent; the numbers are None for a take too short to have them."""

    used_range: float | None  # p95 - p5
    saturated: float | None  # share of the frames nearer than 0.02 to an end
    stuck: bool
    listens_to: str
    heard: bool  # whether anybody sent what it listens to


@dataclass(frozen=True, slots=True)
class PlayNumbers(Result):
    """One performer of one take."""

    seconds: float
    ticks: int
    hz: float
    mapper: str
    models_played: float  # share of the ticks; the rules play the others
    held_ticks: int  # the models failed and the last output was repeated
    finite: bool  # what the mapper gave and what was sent, in every tick
    in_range: bool  # 0..1, likewise
    controls: Mapping[str, ControlNumbers]
    coherence: float | None  # mean over the ticks the models played
    reconstructed: Mapping[str, float]  # modality -> share of the ticks

    @property
    def sound(self) -> bool:
        """Whether everything that came out can be played."""
        return self.finite and self.in_range


def play_numbers(played: Played, given: frozenset[str]) -> PlayNumbers:
    """Of a take played by models; `given` names the modalities somebody sent."""
    values = np.concatenate([played.raw, played.controls], axis=1)
    finite = np.isfinite(values)
    inside = (values >= 0.0) & (values <= 1.0)
    known = np.zeros(len(played), np.bool_) if played.coherence is None else np.isfinite(played.coherence)
    return PlayNumbers(
        seconds=float(played.t_ns[-1] - played.t_ns[0]) / NS,
        ticks=len(played),
        hz=played.hz,
        mapper=played.mapper,
        models_played=float(known.mean()),
        held_ticks=int(played.held.sum()),
        finite=bool(finite.all()),
        in_range=bool(inside[finite].all()),
        controls=_controls(played, given),
        coherence=None if played.coherence is None else float(played.coherence[known].mean()),
        reconstructed=_reconstructed(played),
    )


def _controls(played: Played, given: frozenset[str]) -> dict[str, ControlNumbers]:
    usage = control_usage(on_grid(played.t_ns, played.controls, played.hz))
    found = {}
    for name in CONTROL_NAMES:
        used = usage.used_range.get(name)
        sensor = LISTENS_TO[name]
        stuck = used is not None and used < MIN_RANGE
        found[name] = ControlNumbers(used, usage.saturated.get(name), stuck, sensor, sensor in given)
    return found


def _reconstructed(played: Played) -> dict[str, float]:
    if played.filled is None:
        return dict.fromkeys(MODALITY_NAMES, 0.0)
    return {name: float(played.filled[:, i].mean()) for i, name in enumerate(MODALITY_NAMES)}
