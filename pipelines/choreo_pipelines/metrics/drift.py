"""Do the controls play the same thing in the same place of a looped take, an hour later?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from numpy.typing import ArrayLike

from choreo_pipelines.metrics.result import Result, Verdict, judge, not_computable
from choreo_pipelines.metrics.series import Floats, tracks, used_range, why_sent_unusable
from choreo_service.packets import CONTROL_NAMES

MIN_CCC: Final = 0.95
MIN_LOOP_RANGE: Final = 0.2
MIN_SPAN_S: Final = 300.0
WARM_UP_PASSES: Final = 1


@dataclass(frozen=True, slots=True)
class DriftStability(Result):
    """Lin's concordance correlation (Lin 1989) of each control between the second and the last pass of a loop.

    CCC(a, b) = 2 cov(a, b) / (var a + var b + (mean a - mean b)^2): 1 only when every moment agrees. Means alone would
    call a constant and a stationary noise perfectly stable.
    """

    verdict: Verdict  # pass: CCC >= 0.95 and p95 - p5 >= 0.2 in both passes, for every control
    ccc: Mapping[str, float] = field(default_factory=dict)
    used_range: Mapping[str, float] = field(default_factory=dict)  # the smaller of both passes
    passes: int = 0
    span_s: float = 0.0  # from the start of the second to the end of the last pass


def drift_stability(
    controls: ArrayLike | None,
    loop_frames: int,
    hz: float,
    *,
    names: tuple[str, ...] = CONTROL_NAMES,
    min_span_s: float = MIN_SPAN_S,
) -> DriftStability:
    """Stability of the controls as sent [n, len(names)] while a take of `loop_frames` frames repeats without pause.

    The first pass is warm-up, an incomplete last one is left out. ValueError for another width.
    """
    sent = tracks(controls, names)
    passes = len(sent) // loop_frames if loop_frames > 0 else 0
    span = max(passes - WARM_UP_PASSES, 0) * loop_frames / hz
    reason = why_sent_unusable("controls", sent)
    if not reason and passes < WARM_UP_PASSES + 2:
        reason = f"{passes} whole passes; after one for warm-up two are needed"
    if not reason and span < min_span_s:
        reason = f"{span:.0f} s after warm-up; {min_span_s:.0f} s are needed for drift to show"
    if reason:
        return DriftStability(not_computable(reason), passes=passes, span_s=span)
    first, last = (sent[k * loop_frames : (k + 1) * loop_frames] for k in (WARM_UP_PASSES, passes - 1))
    ccc = {name: concordance(first[:, c], last[:, c]) for c, name in enumerate(names)}
    spread = {name: min(used_range(first[:, c]), used_range(last[:, c])) for c, name in enumerate(names)}
    verdict = judge(
        *((ccc[n] >= MIN_CCC, f"CCC of {n} is {ccc[n]:.3f}, below {MIN_CCC}") for n in names),
        *((spread[n] >= MIN_LOOP_RANGE, f"{n} uses {spread[n]:.2f}, below {MIN_LOOP_RANGE}") for n in names),
    )
    return DriftStability(verdict, ccc, spread, passes, span)


def concordance(a: Floats, b: Floats) -> float:
    """Lin's CCC of two series [n]; 0 when neither moves, because agreement about nothing shows nothing."""
    da, db = a - a.mean(), b - b.mean()
    total = float(da @ da + db @ db) / len(a) + float(a.mean() - b.mean()) ** 2
    # Rounding leaves about 1e-32 in the variance of a constant.
    return float(2 * (da @ db) / len(a) / total) if total > 1e-20 else 0.0
