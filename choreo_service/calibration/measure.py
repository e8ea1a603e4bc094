"""From what the guided minute showed to a body, or to the reasons why it shows none."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from choreo_service.bodies import Body, Mounting, Range
from choreo_service.calibration.flow import FULL, NORMAL, STILL, Heard, Seen
from choreo_service.errors import ChoreoError
from choreo_service.packets import FEATURE_COLUMNS, MODALITIES

GATE_RANGE: Final = (0.1, 0.5)  # m/s^2; a phone's own noise is 0.03 to 0.1
GATE_PER_NOISE: Final = 2.0
STILL_AT_MOST: Final = 0.5  # m/s^2 of motion_energy in 95 of 100 ticks: breathing yes, shifting weight no
MOVES_AT_LEAST: Final = 2.0  # times the resting noise, in the middle of moving normally
FULLER_AT_LEAST: Final = 1.2  # times normal, likewise
LIVE_AT_LEAST: Final = 0.8  # of each phase
ENOUGH_S: Final = 10.0  # of movement
HEART_ENOUGH_S: Final = 120.0  # in a minute a heart only climbs: that slope is not its middle
FRAMES_PER_S: Final = 50.0

_ENERGY: Final = FEATURE_COLUMNS.index("motion_energy")
_NAMES: Final = tuple(MODALITIES)


class CalibrationRefused(ChoreoError):
    """What was seen can't be a performer's range; the problem lists every reason."""


@dataclass(frozen=True, slots=True)
class Spread:
    """One feature over the movement: what the statistics take, and the limits people read."""

    range: Range
    low: float  # 5th percentile
    high: float  # 95th


@dataclass(frozen=True, slots=True)
class Measured:
    """A calibration that succeeded."""

    body: Body
    noise: float  # m/s^2, median motion_energy at rest
    spreads: dict[str, Spread]  # by FEATURE_COLUMNS
    moved_s: float  # what the motion ranges rest on
    knows_heart: bool  # else it was silent, or heard too briefly, and is learnt while playing


def measure(name: str, heard: Heard) -> Measured:
    """The body `name` as it was seen; CalibrationRefused with every reason why it can't be."""
    reasons = list(_objections(heard))
    if reasons:
        raise CalibrationRefused(
            "no calibration: " + "; ".join(reasons),
            fix="mend that and begin again; the longer each part (--still, --normal, --full), the surer the result",
        )
    rest, moving = heard.phases[STILL], _joined(heard.phases[NORMAL], heard.phases[FULL])
    gate = _gate(rest)
    spreads = _spreads("motion", moving, moving.features[:, _ENERGY] >= gate)
    if len(moving.live) * heard.period_s >= HEART_ENOUGH_S:
        spreads |= _spreads("heart", moving, None)
    moved_s = int((moving.features[:, _ENERGY] >= gate).sum()) * heard.period_s
    body = Body(
        name,
        gate,
        {column: spread.range for column, spread in spreads.items()},
        moved_s * FRAMES_PER_S,
        Mounting(heard.rest.gravity, heard.rest.up, heard.moved.sway_axis),
    )
    knows_heart = MODALITIES["heart"].columns[0] in spreads
    return Measured(body, float(np.median(rest.features[:, _ENERGY])), spreads, moved_s, knows_heart)


def _objections(heard: Heard) -> Iterator[str]:
    silent = [name for name, seen in heard.phases.items() if _live_share(seen, "motion") < LIVE_AT_LEAST]
    if silent:
        shares = ", ".join(f'{_live_share(heard.phases[name], "motion"):.0%} of "{name}"' for name in silent)
        yield f"the motion sensor was silent: it was heard in {shares}, expected {LIVE_AT_LEAST:.0%}"
        return
    energy = {name: seen.features[:, _ENERGY] for name, seen in heard.phases.items()}
    shaken = float(np.percentile(energy[STILL], 95))
    if shaken > STILL_AT_MOST:
        yield f'"{STILL}" was not still: motion reached {shaken:.2f} m/s^2, expected below {STILL_AT_MOST:g}'
        return  # what moves is judged by what rests
    gate, normal, full = _gate(heard.phases[STILL]), np.median(energy[NORMAL]), np.median(energy[FULL])
    least = max(gate, MOVES_AT_LEAST * float(np.median(energy[STILL])))
    moved_s = sum(int((energy[name] >= gate).sum()) for name in (NORMAL, FULL)) * heard.period_s
    if normal < least:
        yield f'no motion was seen in "{NORMAL}": {normal:.2f} m/s^2 in the middle, expected {least:.2f} or more'
    elif full < FULLER_AT_LEAST * normal:
        yield (
            f'"{FULL}" was no fuller than "{NORMAL}": {full:.2f} m/s^2 in the middle after {normal:.2f}, '
            f"expected {FULLER_AT_LEAST * normal:.2f} or more"
        )
    elif moved_s < ENOUGH_S:
        yield f"only {moved_s:.0f} s of movement were seen, expected {ENOUGH_S:g} or more"


def _gate(rest: Seen) -> float:
    noise = float(np.percentile(rest.features[:, _ENERGY], 99))
    return min(GATE_RANGE[1], max(GATE_RANGE[0], GATE_PER_NOISE * noise))


def _spreads(modality: str, seen: Seen, counts: NDArray[np.bool_] | None) -> dict[str, Spread]:
    """Of the modality's columns where it is live and `counts`; empty where it is silent for most of the time."""
    if _live_share(seen, modality) < LIVE_AT_LEAST:
        return {}
    rows = seen.live[:, _NAMES.index(modality)]
    x = seen.features[rows if counts is None else rows & counts].astype(np.float64)
    found = {}
    for column in MODALITIES[modality].columns:
        values = x[:, FEATURE_COLUMNS.index(column)]
        low, high = (float(v) for v in np.percentile(values, (5, 95)))
        found[column] = Spread(Range(float(values.mean()), float(values.std())), low, high)
    return found


def _live_share(seen: Seen, modality: str) -> float:
    return float(seen.live[:, _NAMES.index(modality)].mean()) if len(seen.live) else 0.0


def _joined(a: Seen, b: Seen) -> Seen:
    return Seen(np.concatenate((a.features, b.features)), np.concatenate((a.live, b.live)))
