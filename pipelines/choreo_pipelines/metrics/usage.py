"""How much of its range each control uses, and how often it sticks to an end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from numpy.typing import ArrayLike

from choreo_pipelines.metrics.result import Result, Verdict, judge, not_computable
from choreo_pipelines.metrics.series import tracks, used_range, why_sent_unusable
from choreo_service.packets import CONTROL_NAMES

END: Final = 0.02  # closer than this to 0 or 1 is saturated
MAX_SATURATED: Final = 0.05
MIN_USED: Final = 0.4


@dataclass(frozen=True, slots=True)
class ControlUsage(Result):
    """Per control: share of frames < 0.02 or > 0.98, and p95 - p5."""

    verdict: Verdict  # pass: at most 5 % saturated and at least 0.4 used, for every control
    saturated: Mapping[str, float] = field(default_factory=dict)
    used_range: Mapping[str, float] = field(default_factory=dict)


def control_usage(controls: ArrayLike | None, *, names: tuple[str, ...] = CONTROL_NAMES) -> ControlUsage:
    """Use of the controls as sent [n, len(names)], positions 0..1. ValueError for another width."""
    sent = tracks(controls, names)
    if reason := why_sent_unusable("controls", sent):
        return ControlUsage(not_computable(reason))
    ends = ((sent < END) | (sent > 1 - END)).mean(axis=0)
    stuck = {name: float(ends[c]) for c, name in enumerate(names)}
    spread = {name: used_range(sent[:, c]) for c, name in enumerate(names)}
    verdict = judge(
        *((stuck[n] <= MAX_SATURATED, f"{n} is saturated in {stuck[n]:.0%} of the frames") for n in names),
        *((spread[n] >= MIN_USED, f"{n} uses {spread[n]:.2f}, below {MIN_USED}") for n in names),
    )
    return ControlUsage(verdict, stuck, spread)
