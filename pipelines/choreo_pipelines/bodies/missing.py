"""The missing-modality experiment: sensors go silent at chosen moments, and what is played is compared with before.

What a policy should do while a sensor is silent is what it would have done with it; the unmasked run of the same core
knows that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from choreo_pipelines.metrics.result import Result
from choreo_pipelines.playing import Played, play, without
from choreo_service.clock import NS
from choreo_service.core import Core
from choreo_service.packets import MODALITY_NAMES
from choreo_service.replay import TapeEntry

Spans = tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Gap:
    """A silence to try: how long, and how much of the take each needs to itself."""

    modality: str
    length_s: float
    apart_s: float  # to settle before and to recover after


GAPS: Final = (Gap("motion", 2.0, 8.0), Gap("motion", 10.0, 10.0), Gap("heart", 60.0, 30.0))
SPANS: Final = 6
SETTLE_S: Final = 5.0  # filters and statistics of a fresh core


@dataclass(frozen=True, slots=True)
class MissingModality(Result):
    """One policy with one kind of gap. Errors are mean squares over the five control positions, None for no tick.

    `absent` counts from the first tick the modality is masked, which is some time after its last packet
    (MODALITIES: missing_after_s); `span` counts from the last packet. Ticks at which the unmasked run had no such
    modality either count in neither.
    """

    policy: str
    modality: str
    length_s: float
    spans: int
    absent_s: float  # masked time, all spans together
    raw_absent: float | None  # as the mapper gave them
    sent_absent: float | None  # after the guards
    raw_span: float | None
    sent_span: float | None


def missing_modality(
    entries: Sequence[TapeEntry],
    policies: Mapping[str, Callable[[], Core]],
    *,
    name: str,
    gaps: Sequence[Gap] = GAPS,
    spans: int = SPANS,
    performer: int = 0,
    seed: int = 0,
) -> list[MissingModality]:
    """Play a tape whole and with each gap, through a fresh core of every policy. The same seed gives the same gaps.

    A tape too short for a gap gets a row without numbers. SessionError when the tape is empty.
    """
    found = []
    for policy, make_core in policies.items():
        whole = play(entries, make_core(), name=name, performer=performer)
        for gap in gaps:
            placed = place(gap, (whole.t_ns[-1] - whole.t_ns[0]) / NS, spans=spans, seed=seed)
            masked = without(entries, gap.modality, placed)
            found.append(
                _compare(policy, gap, placed, whole, play(masked, make_core(), name=name, performer=performer))
            )
    return found


def place(gap: Gap, duration_s: float, *, spans: int, seed: int) -> Spans:
    """Up to `spans` gaps over a take: one at a random place in each of as many equal parts, fewer where they don't fit.

    Every gap keeps apart_s from the one before it.
    """
    room_s = duration_s - SETTLE_S
    count = min(spans, int(room_s // (gap.length_s + gap.apart_s)))
    if count < 1:
        return ()
    part_s = room_s / count
    free_s = part_s - gap.length_s - gap.apart_s
    # A generator per kind of gap: trying one kind more moves no other.
    rng = np.random.default_rng((seed, MODALITY_NAMES.index(gap.modality), round(gap.length_s * 1000)))
    starts = SETTLE_S + part_s * np.arange(count) + gap.apart_s + rng.random(count) * free_s
    return tuple((start, start + gap.length_s) for start in starts.tolist())


def table(results: Sequence[MissingModality]) -> str:
    """The results as people read them, a line each."""
    return "\n".join((_HEADING, *(_line(result) for result in results)))


_HEADING: Final = (
    f"{'missing':<14}{'policy':<16}{'spans':>6}{'masked':>9}{'raw':>10}{'sent':>10}{'raw, span':>11}{'sent, span':>12}"
)


def _line(result: MissingModality) -> str:
    what = f"{result.modality} {result.length_s:g} s"
    start = f"{what:<14}{result.policy:<16}{result.spans:>6}{result.absent_s:>7.1f} s"
    return (
        f"{start}{_number(result.raw_absent):>10}{_number(result.sent_absent):>10}"
        f"{_number(result.raw_span):>11}{_number(result.sent_span):>12}"
    )


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _compare(policy: str, gap: Gap, placed: Spans, whole: Played, masked: Played) -> MissingModality:
    column = MODALITY_NAMES.index(gap.modality)
    span = _inside(whole, placed) & whole.present[:, column]
    absent = span & ~masked.present[:, column]
    return MissingModality(
        policy=policy,
        modality=gap.modality,
        length_s=gap.length_s,
        spans=len(placed),
        absent_s=float(absent.sum()) / whole.hz,
        raw_absent=_error(whole.raw, masked.raw, absent),
        sent_absent=_error(whole.controls, masked.controls, absent),
        raw_span=_error(whole.raw, masked.raw, span),
        sent_span=_error(whole.controls, masked.controls, span),
    )


def _inside(played: Played, placed: Spans) -> NDArray[np.bool_]:
    """[T] the ticks in any of the spans, which count from the first tick."""
    at_s = (played.t_ns - played.t_ns[0]) / NS
    inside = np.zeros(len(played), np.bool_)
    for begin, end in placed:
        inside |= (begin <= at_s) & (at_s < end)
    return inside


def _error(expected: NDArray[np.float32], found: NDArray[np.float32], rows: NDArray[np.bool_]) -> float | None:
    """Mean square over `rows` and controls; None without rows, or where a mapper gave no number."""
    if not rows.any():
        return None
    error = float(np.square(expected[rows].astype(np.float64) - found[rows]).mean())
    return error if np.isfinite(error) else None
