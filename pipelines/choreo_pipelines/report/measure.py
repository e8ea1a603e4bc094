"""All metrics of a report, from what was played."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from choreo_pipelines.metrics import (
    ControlUsage,
    DriftStability,
    EnergyCorrelation,
    PhaseCoherence,
    PredictionError,
    Reading,
    Separation,
    beat_position,
    control_usage,
    drift_stability,
    energy_correlation,
    on_grid,
    phase_coherence,
    prediction_error,
    separation,
)
from choreo_pipelines.metrics.controls import clock_only, shuffled
from choreo_pipelines.metrics.result import Result, not_computable
from choreo_pipelines.metrics.series import Floats
from choreo_pipelines.playing import Played
from choreo_pipelines.report.subject import Subject
from choreo_pipelines.report.variants import Variants
from choreo_service.fallback import RULES
from choreo_service.packets import CONTROL_NAMES, FEATURE_COLUMNS, MODALITIES, MODALITY_NAMES

TAKE: Final = "take"
CLOCK: Final = "clock only"
SWAPPED: Final = "swapped body"
MASKED: Final = "motion masked"
SHUFFLED: Final = "shuffled"
READ: Final = (TAKE, CLOCK, SWAPPED, MASKED, SHUFFLED)

HORIZONS: Final[Mapping[str, float]] = {"1 beat": 1.0, "1 bar": 4.0}
LISTENS_TO: Final[Mapping[str, str]] = {rule.control: rule.modality for rule in RULES}

_DENSITY: Final = CONTROL_NAMES.index("density")
_FX: Final = CONTROL_NAMES.index("fx_send")


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """What was played, on an even grid of n frames: the columns that metrics and figures share."""

    hz: float
    energy: Floats  # [n] motion_energy in m/s^2, NaN where motion was absent
    position: Floats  # [n] beats since the first bar line, NaN where no beat was given
    controls: Floats  # [n, 5] as sent
    held: NDArray[np.bool_]  # [n]
    present: NDArray[np.bool_]  # [n, 4]

    @classmethod
    def of(cls, played: Played, given: frozenset[str]) -> Self:
        """Without a given beat the position is unknown: the frames' phase is then the service's own clock."""
        motion, beat = (played.present[:, MODALITY_NAMES.index(name)] for name in ("motion", "beat"))
        energy, phase, index = (
            played.features[:, FEATURE_COLUMNS.index(name)] for name in ("motion_energy", "beat_phase", "beat_idx")
        )
        beat = beat & ("beat" in given)
        table = np.column_stack([np.where(motion, energy, np.nan), np.where(beat, phase, np.nan), index])
        even = on_grid(played.t_ns, np.column_stack([table, played.controls, played.held, played.present]), played.hz)
        return cls(
            hz=played.hz,
            energy=even[:, 0],
            position=beat_position(even[:, 1], even[:, 2]),
            controls=even[:, 3:8],
            held=even[:, 8] > 0,
            present=even[:, 9:] > 0,
        )

    def __len__(self) -> int:
        return len(self.energy)


@dataclass(frozen=True, slots=True)
class BodyReading(Result):
    """One density and one fx_send, read against the take's own body and beat."""

    phase: PhaseCoherence
    energy: EnergyCorrelation
    fx: PhaseCoherence  # of fx_send, which peaks twice per beat: R2 and C2 count


@dataclass(frozen=True, slots=True)
class Measured(Result):
    """Every number of a report."""

    readings: Mapping[str, BodyReading]  # key of READ
    separation: Separation
    usage: ControlUsage  # without the controls that listen to a modality nobody sent
    drift: DriftStability
    prediction: Mapping[str, PredictionError]  # key of HORIZONS
    held: float  # share of the frames
    present: Mapping[str, float]  # modality -> share of the frames
    beats_given: float  # share of the frames with a beat that was sent and moves

    @property
    def silent(self) -> tuple[str, ...]:
        """Controls left out because what they listen to wasn't there."""
        return tuple(name for name in CONTROL_NAMES if name not in self.usage.used_range)


def measure(subject: Subject, variants: Variants) -> tuple[Measured, Clip]:
    """The numbers, and the take's columns they come from. A take without beat, heart or motion gets reasons instead."""
    take = Clip.of(subject.played, subject.given)
    readings = _readings(take, variants, subject.given)
    heard = tuple(name for name in CONTROL_NAMES if LISTENS_TO[name] in subject.given)
    measured = Measured(
        readings=readings,
        separation=separation(*(Reading(r.phase, r.energy) for r in (readings[n] for n in (TAKE, SWAPPED, CLOCK)))),
        usage=_usage(take, heard),
        drift=_drift(variants, heard),
        prediction={name: prediction_error(take.controls, take.position, beats) for name, beats in HORIZONS.items()},
        held=float(take.held.mean()),
        present={name: float(take.present[:, i].mean()) for i, name in enumerate(MODALITIES)},
        beats_given=float(np.isfinite(take.position).mean()),
    )
    return measured, take


def _readings(take: Clip, variants: Variants, given: frozenset[str]) -> dict[str, BodyReading]:
    clock = clock_only(take.position)
    swapped, masked = (Clip.of(played, given).controls for played in (variants.swapped, variants.masked))
    # The same pieces of both controls, so that what belongs together stays together.
    mixed = [shuffled(take.controls[:, c], take.hz) for c in (_DENSITY, _FX)]
    tracks = {
        TAKE: (take.controls[:, _DENSITY], take.controls[:, _FX]),
        CLOCK: (clock, clock),
        SWAPPED: (swapped[:, _DENSITY], swapped[:, _FX]),
        MASKED: (masked[:, _DENSITY], masked[:, _FX]),
        SHUFFLED: (mixed[0], mixed[1]),
    }
    return {name: _read(take, *tracks[name]) for name in READ}


def _read(take: Clip, density: Floats, fx: Floats) -> BodyReading:
    """Over the frames both have: an exchanged body may end before the take does."""
    n = min(len(take), len(density))
    position, energy = take.position[:n], take.energy[:n]
    return BodyReading(
        phase_coherence(density[:n], position, take.hz),
        energy_correlation(energy, density[:n], position, take.hz),
        phase_coherence(fx[:n], position, take.hz, name="fx_send"),
    )


def _usage(take: Clip, heard: tuple[str, ...]) -> ControlUsage:
    if not heard:
        return ControlUsage(not_computable("neither motion nor heart in this take: no control has anything to follow"))
    return control_usage(take.controls[:, [CONTROL_NAMES.index(name) for name in heard]], names=heard)


def _drift(variants: Variants, heard: tuple[str, ...]) -> DriftStability:
    if variants.loop is None:
        return DriftStability(not_computable("the take was played once; --drift-minutes 6 plays it in a loop"))
    if not heard:
        return DriftStability(not_computable("neither motion nor heart in this take: no control has a course"))
    sent = on_grid(variants.loop.t_ns, variants.loop.controls, variants.loop.hz)
    columns = [CONTROL_NAMES.index(name) for name in heard]
    return drift_stability(sent[:, columns], variants.loop_frames, variants.loop.hz, names=heard)
