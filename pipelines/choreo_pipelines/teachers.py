"""The teacher: what the mapper learns to play, five controls by rule from a whole session's features.

Which control listens to which feature, and how slowly, is the table of the rule mapper; the stage without a checkpoint
and the lessons of one with a checkpoint can't drift apart. Here the middle and the spread come from whole sessions,
which a live mapper can't have.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from choreo_service.fallback import RULES
from choreo_service.packets import CONTROL_NAMES, FEATURE_COLUMNS, FloatArray

PERIOD_S: Final = 0.02
# Jerk is sparse, its median the silence between the hits; the frequency has two homes, full and half time, and the
# median is one of them, which leaves the other saturated (23 % of an unseen session; with the midrange none).
MIDRANGE: Final = frozenset({"jerk", "motion_freq"})
SPREAD_FLOOR: Final = 0.2  # standard deviations; a feature that rests in every session moves its control little

Features = NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class Statistics:
    """How one performer's features lie: mean and standard deviation, both [11], in the units of FEATURE_COLUMNS."""

    mean: NDArray[np.float64]
    sd: NDArray[np.float64]

    @classmethod
    def of(cls, features: Features) -> Self:
        """Of a session [T, 11]. A column that never moves gets the deviation 1, so that its z is 0."""
        x = _checked(features)
        sd = x.std(axis=0)
        return cls(x.mean(axis=0), np.where(sd > 1e-6, sd, 1.0))

    def z(self, features: Features) -> NDArray[np.float64]:
        """Features [T, 11] in this performer's standard deviations from the mean."""
        return (_checked(features) - self.mean) / self.sd


@dataclass(frozen=True, slots=True)
class Teacher:
    """Middle and spread of each rule's z feature over the training sessions, in the order of CONTROLS."""

    middle: tuple[float, ...]
    spread: tuple[float, ...]

    @classmethod
    def fit(cls, sessions: Iterable[tuple[Features, Statistics]]) -> Self:
        """Of all frames of the training sessions, each with its performer's statistics; ValueError for none.

        Spread is half the distance of the 5 % and 95 % quantiles, the middle the median; for MIDRANGE that of both.
        """
        all_z = [statistics.z(features)[:, _COLUMNS] for features, statistics in sessions]
        if not all_z:
            raise ValueError("a teacher needs at least one session")
        low, median, high = np.quantile(np.concatenate(all_z), (0.05, 0.5, 0.95), axis=0)
        middle = np.where([rule.feature in MIDRANGE for rule in RULES], (low + high) / 2.0, median)
        return cls(tuple(middle.tolist()), tuple(np.maximum((high - low) / 2.0, SPREAD_FLOOR).tolist()))

    def targets(self, features: Features, statistics: Statistics, *, period_s: float = PERIOD_S) -> FloatArray:
        """[T, 5] positions 0..1: c = 1/2 + 1/2 tanh((EMA(z, tau) - middle) / spread), causal, settled at frame 0.

        `features` [T, 11] are finite, one row every `period_s`. ValueError for others.
        """
        z = statistics.z(features)[:, _COLUMNS]
        smooth = np.column_stack([ema(z[:, i], rule.tau_s, period_s) for i, rule in enumerate(RULES)])
        played: NDArray[np.float64] = 0.5 + 0.5 * np.tanh((smooth - self.middle) / self.spread)
        return played.astype(np.float32)


def ema(x: NDArray[np.float64], tau_s: float, period_s: float = PERIOD_S) -> NDArray[np.float64]:
    """Exponential moving average of `x` [T]: y = y + (1 - exp(-period / tau)) (x - y), starting at x[0].

    It hears x in the same frame: a frame of delay would be a third of density's time constant. tau 0 is x itself.
    """
    if tau_s <= 0 or not len(x):
        return x.copy()
    gain = -math.expm1(-period_s / tau_s)
    y = float(x[0])
    out = []
    for value in x.tolist():
        y += gain * (value - y)
        out.append(y)
    return np.array(out)


_COLUMNS: Final = [FEATURE_COLUMNS.index(rule.feature) for rule in RULES]
if tuple(rule.control for rule in RULES) != CONTROL_NAMES:
    raise ImportError("fallback.RULES and packets.CONTROLS name the controls in different orders")


def _checked(features: Features) -> NDArray[np.float64]:
    x = np.asarray(features, np.float64)
    if x.ndim != 2 or x.shape[1] != len(FEATURE_COLUMNS) or not len(x):
        raise ValueError(f"features: expected [T, {len(FEATURE_COLUMNS)}], found {list(x.shape)}")
    if not np.isfinite(x).all():
        row, column = (int(i) for i in np.argwhere(~np.isfinite(x))[0])
        raise ValueError(f"features: expected finite values, found {x[row, column]} in {FEATURE_COLUMNS[column]}")
    return x
