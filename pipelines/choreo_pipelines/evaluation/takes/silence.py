"""What a silent sensor costs on a take, by what stands in for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from choreo_pipelines.bodies import Gap, MissingModality, missing_modality
from choreo_pipelines.bodies.missing import GAPS, SETTLE_S
from choreo_pipelines.metrics import Result
from choreo_service.clock import NS
from choreo_service.core import Core
from choreo_service.replay import TapeEntry

LIMIT_S: Final = 900.0  # of a longer take; twelve plays of it are enough to wait for


@dataclass(frozen=True, slots=True)
class Silence(Result):
    """One kind of silence: the error of every policy against its own unmasked run, or the reason why there is none."""

    modality: str
    length_s: float
    reason: str
    policies: Mapping[str, MissingModality]


def silences(
    tape: Sequence[TapeEntry],
    cores: Mapping[str, Callable[[], Core]],
    given: frozenset[str],
    *,
    name: str,
    performer: int,
    limit_s: float = LIMIT_S,
) -> list[Silence]:
    """Every gap of the experiment on the first `limit_s` of a tape, by each policy in `cores`."""
    rows = missing_modality(first_part(tape, limit_s), cores, name=name, performer=performer)
    return [_silence(gap, rows, given) for gap in GAPS]


def first_part(tape: Sequence[TapeEntry], seconds: float) -> Sequence[TapeEntry]:
    """The entries of the first `seconds`."""
    return [entry for entry in tape if entry.t_ns - tape[0].t_ns < seconds * NS]


def _silence(gap: Gap, rows: Sequence[MissingModality], given: frozenset[str]) -> Silence:
    mine = {r.policy: r for r in rows if (r.modality, r.length_s) == (gap.modality, gap.length_s)}
    return Silence(gap.modality, gap.length_s, _reason(gap, list(mine.values()), given), mine)


def _reason(gap: Gap, rows: Sequence[MissingModality], given: frozenset[str]) -> str:
    if gap.modality not in given:
        return f"no {gap.modality} in this take"
    if not all(row.spans for row in rows):
        return f"the take is shorter than the {SETTLE_S + gap.length_s + gap.apart_s:g} s this needs"
    if any(row.raw_absent is None for row in rows):
        return f"{gap.modality} was absent already, or the models failed, where it was to fall silent"
    return ""
