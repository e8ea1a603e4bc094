"""What a hand-over does to the controls: the same show played with it and, from the tick before, as if nothing had
changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from choreo_service.clock import NS
from choreo_service.engine import Engine
from choreo_service.guards import Smooth
from choreo_service.packets import CONTROL_NAMES, CONTROLS, MODALITY_NAMES, Frame, SensorPacket, Step
from choreo_service.ticker import Tick

PERIOD_NS: Final = 20_000_000
LOOKED_AT: Final = 3  # ticks from the hand-over on; later the dance itself tells the two apart
LEAD: Final = 100  # ticks after which the smoothing has forgotten where it began
_TABLE: Final = list(CONTROLS.values())
_SMOOTH_S: Final = np.array([c.smooth_s for c in _TABLE])
RATE_STEP: Final = np.array([c.rate_per_s for c in _TABLE]) * PERIOD_NS / NS  # most that the guards let out in a tick

Array = NDArray[np.float64]


@dataclass
class Seen:
    """A listener of the loop: what the table needs of every tick, and what must never be."""

    frames: list[Frame] = field(default_factory=list)
    controls: list[Array] = field(default_factory=list)
    not_finite: int = 0
    out_of_range: int = 0
    late: int = 0

    def __call__(self, tick: Tick, packets: Sequence[SensorPacket], step: Step) -> None:
        self.frames.append(step.frame)
        self.controls.append(step.controls[0].astype(np.float64))
        numbers = (step.controls, step.raw, step.frame.features())
        self.not_finite += sum(int((~np.isfinite(n)).sum()) for n in numbers)
        self.out_of_range += int(((step.controls < 0.0) | (step.controls > 1.0)).sum())
        self.late += tick.dk - 1 + (tick.late_ns > 0)


@dataclass(frozen=True)
class HandOver:
    """One modality of the first performer lost or back; jumps in rate-limit steps, in the order of CONTROLS."""

    modality: str
    way: str
    at_s: float
    asked: Array  # [5] largest move of a tick before the rate limit, as far as it was the hand-over's doing
    sent: Array  # [5] largest move of a tick behind the guards, whoever's doing


def hand_overs(seen: Seen, engine: Callable[[], Engine]) -> list[HandOver]:
    """Every change of presence but the first hearing, which has nothing to hand over from."""
    present = np.stack([f.present[0] for f in seen.frames])
    played, other, asked = engine(), engine(), []
    ever, turns = present[0].copy(), []
    for i, frame in enumerate(seen.frames):
        turned = (present[i] != present[i - 1]) & ever if i else np.zeros_like(ever)
        before = played.state() if turned.any() else {}
        for column in np.flatnonzero(turned):
            other.load_state(before)
            turns.append((i, int(column), _unchanged(other, seen.frames[i - 1 : i + LOOKED_AT], int(column))))
        asked.append(played.step(frame).raw[0])
        ever |= present[i]
    return [_hand_over(seen, np.array(asked, np.float64), *turn) for turn in turns if turn[0] + LOOKED_AT < len(asked)]


def _unchanged(engine: Engine, frames: Sequence[Frame], column: int) -> Array:
    """[ticks, 5] what is asked when the modality stays as it was in the first of `frames`, which is past."""
    name, last = MODALITY_NAMES[column], frames[0]
    raw = []
    for frame in frames[1:]:
        state = frame.state.copy()
        state[:, column] = last.state[:, column]
        changes: dict[str, Any] = {"state": state, name: getattr(last, name)}
        raw.append(engine.step(replace(frame, **changes)).raw[0])
    return np.array(raw, np.float64)


def _hand_over(seen: Seen, asked: Array, i: int, column: int, unchanged: Array) -> HandOver:
    ticks = slice(i, i + LOOKED_AT)
    smooth = Smooth(np.zeros((1, len(_TABLE))), _SMOOTH_S, PERIOD_NS / NS)
    caused = np.diff([smooth.step(x[None], 1)[0] for x in asked[ticks] - unchanged], axis=0, prepend=0.0)
    whole = Smooth(asked[max(0, i - LEAD)][None], _SMOOTH_S, PERIOD_NS / NS)
    lead = asked[max(0, i - LEAD) : i + LOOKED_AT]
    moved = np.diff([whole.step(x[None], 1)[0] for x in lead], axis=0)[-LOOKED_AT:]
    sent = np.diff(np.stack(seen.controls[i - 1 : i + LOOKED_AT]), axis=0)
    return HandOver(
        MODALITY_NAMES[column],
        "back" if seen.frames[i].present[0, column] else "lost",
        (seen.frames[i].t_ns - seen.frames[0].t_ns) / NS,
        np.minimum(np.abs(caused), np.abs(moved)).max(axis=0) / RATE_STEP,
        np.abs(sent).max(axis=0) / RATE_STEP,
    )


def table(found: Iterable[HandOver]) -> str:
    """The largest jump per control and kind of hand-over, in rate-limit steps: asked of the rate limit / sent."""
    groups: dict[tuple[str, str], list[HandOver]] = {}
    for one in found:
        groups.setdefault((one.modality, one.way), []).append(one)
    lines = [f"{'hand-over':14}{'times':>6}  " + "".join(f"{name:>14}" for name in CONTROL_NAMES)]
    for (modality, way), group in sorted(groups.items()):
        asked, sent = (np.max([getattr(one, name) for one in group], axis=0) for name in ("asked", "sent"))
        cells = "".join(f"{a:7.2f} /{s:5.2f}" for a, s in zip(asked, sent, strict=True))
        lines.append(f"{modality + ' ' + way:14}{len(group):6}  {cells}")
    return "\n".join(lines)


def worst(found: Iterable[HandOver]) -> float:
    """The largest jump any hand-over asked of any control, in rate-limit steps."""
    return max(float(one.asked.max()) for one in found)
