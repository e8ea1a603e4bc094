"""The whole service core on takes of unseen dancers: coherence with the beat, following of the body, and drift."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from choreo_pipelines.metrics import (
    DriftStability,
    Reading,
    beat_position,
    drift_stability,
    read_density,
)
from choreo_pipelines.metrics.controls import clock_only
from choreo_pipelines.metrics.series import Floats
from choreo_pipelines.playing import Played, looped, play, with_body_of, without
from choreo_pipelines.report.other_body import neighbouring_body
from choreo_service.clock import NS
from choreo_service.core import Core
from choreo_service.errors import SessionError
from choreo_service.packets import CONTROL_NAMES, FEATURE_COLUMNS
from choreo_service.replay import TapeEntry, take_entries
from choreo_service.session import Session

NewCore = Callable[[], Core]
_DENSITY = CONTROL_NAMES.index("density")
_ENERGY, _PHASE, _INDEX = (FEATURE_COLUMNS.index(n) for n in ("motion_energy", "beat_phase", "beat_idx"))


@dataclass(frozen=True, slots=True, eq=False)
class OnStage:
    """One take and what it must be told apart from, all read against the take's own motion and beat."""

    name: str
    take: Reading
    swapped: Reading  # the same music with another dancer's body
    masked: Reading  # with no motion at all
    clock: Reading  # a density that follows the beat alone
    bodies: Reading  # the other dancer's motion energy itself: two bodies may happen to rise and fall together


def on_stage(takes: Sequence[Session], new_core: NewCore) -> list[OnStage]:
    """Every take with the body of a neighbour of another tempo as its control. SessionError without one."""
    found = []
    for take in takes:
        tape, body = _tape(take, new_core), neighbouring_body(take)
        if body is None:
            raise SessionError(f"{take.path} has no neighbour whose body could be exchanged", fix="add a second take")
        played = play(tape, new_core(), name=take.path.name)
        energy, position = played.features[:, _ENERGY], _position(played)
        other = play(with_body_of(tape, _tape(body, new_core)), new_core(), name=take.path.name)
        silent = play(without(tape, "motion"), new_core(), name=take.path.name)
        shared = slice(0, len(other))
        mine, swapped, masked, clock, bodies = (
            read_density(energy[part], density[part], position[part], played.hz)
            for part, density in (
                (slice(None), played.controls[:, _DENSITY]),
                (shared, other.controls[:, _DENSITY]),
                (slice(None), silent.controls[:, _DENSITY]),
                (slice(None), clock_only(position)),
                (shared, other.features[:, _ENERGY]),
            )
        )
        found.append(OnStage(take.path.name, mine, swapped, masked, clock, bodies))
    return found


def loop_drift(take: Session, new_core: NewCore, *, minutes: float) -> DriftStability:
    """The take again and again for at least `minutes` after a first pass; the second pass beside the last."""
    tape = _tape(take, new_core)
    slots = tape[-1].k - tape[0].k + 1
    core = new_core()
    seconds = slots * core.period_ns / NS
    passes = 1 + max(2, -(-round(minutes * 60) // round(seconds)))
    played = play(looped(tape, passes), core, name=take.path.name)
    return drift_stability(played.controls, slots, played.hz)


def _tape(take: Session, new_core: NewCore) -> list[TapeEntry]:
    return list(take_entries(take, new_core().period_ns))


def _position(played: Played) -> Floats:
    return beat_position(played.features[:, _PHASE], played.features[:, _INDEX])
