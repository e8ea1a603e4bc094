"""Is a look-ahead worth having? Its error beside the forecasts anybody gets for nothing."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from choreo_pipelines.metrics.beat import BEATS_PER_BAR, index_at
from choreo_pipelines.metrics.result import Result, Verdict, judge, not_computable
from choreo_pipelines.metrics.series import (
    Floats,
    Ints,
    same_length,
    tracks,
    why_sensor_unusable,
    why_sent_unusable,
)
from choreo_service.packets import CONTROL_NAMES

NAIVE: Final = ("repeat last", "seasonal beat", "seasonal bar")
RIDGE: Final = "lagged ridge"
FORECAST: Final = "forecast"
MIN_GAIN: Final = 0.15
MIN_FRAMES: Final = 200

_LAGS_BEATS: Final = (0.0, 0.25, 0.5, 0.75, 1.0, 2.0, 3.0, 4.0)
_HARMONICS: Final = (1, 2, 4)  # of the bar: bar, half bar, beat
_PENALTY: Final = 1e-3  # of the standardised inputs' variance


@dataclass(frozen=True, slots=True)
class PredictionError(Result):
    """Mean absolute error at a horizon of h beats: the target is the frame at which the beat count is h further.

    repeat last: y(t). seasonal beat, bar: the last frame before t at the target's phase of the beat, of the bar.
    lagged ridge: linear in all controls up to a bar back and the bar's angle, fitted on the take's first half. Every
    method is judged on the same frames of the second half.
    """

    verdict: Verdict  # pass: at least 15 % below the best naive one, and not above lagged ridge
    horizon_beats: float
    frames: int = 0
    mae: Mapping[str, float] = field(default_factory=dict)  # method -> mean over the controls
    by_control: Mapping[str, Mapping[str, float]] = field(default_factory=dict)  # method -> control -> error
    best_naive: str | None = None
    gain: float | None = None  # 1 - forecast / best naive


def prediction_error(
    controls: ArrayLike | None,
    position: Floats,
    horizon_beats: float,
    forecast: ArrayLike | None = None,
    *,
    names: tuple[str, ...] = CONTROL_NAMES,
) -> PredictionError:
    """Errors on the controls as sent [n, len(names)] with the beat count [n] of `beat_position`.

    `forecast` [n, len(names)]: row t is what was forecast at frame t; without it only the baselines are given. Frames
    with an unfinished forecast (NaN) are left out for all methods. ValueError for other shapes or h <= 0.
    """
    if not horizon_beats > 0:
        raise ValueError(f"a horizon of more than 0 beats expected, got {horizon_beats}")
    sent, guess = tracks(controls, names), tracks(forecast, names)
    same_length(sent, guess, position)
    if reason := why_sent_unusable("controls", sent) or why_sensor_unusable("running beat", position):
        return PredictionError(not_computable(reason), horizon_beats)
    look = _LookUp.build(position, horizon_beats)
    known = np.logical_and.reduce(np.isfinite(guess if len(guess) else sent), axis=1)
    fit, test = look.halves(known)
    if min(len(fit), len(test)) < MIN_FRAMES:
        why = f"{min(len(fit), len(test))} frames with a bar of history and a target; {MIN_FRAMES} are needed per half"
        return PredictionError(not_computable(why), horizon_beats, len(test))
    guesses = {name: sent[season[test]] for name, season in zip(NAIVE, look.seasons, strict=True)}
    inputs = _ridge_inputs(sent, position, look.lagged)
    guesses[RIDGE] = _ridge(inputs[fit], sent[look.target[fit]], inputs[test])
    if len(guess):
        guesses[FORECAST] = guess[test]
    return _compare(guesses, sent[look.target[test]], horizon_beats, names)


@dataclass(frozen=True, slots=True, eq=False)
class _LookUp:
    """Which frame holds what at each frame t; -1 where none does."""

    target: Ints  # [n]
    seasons: Ints  # [len(NAIVE), n] latest frame known at t, a whole number of seasons before the target
    lagged: Ints  # [lags, n]

    @classmethod
    def build(cls, position: Floats, horizon: float) -> Self:
        back = (horizon, *(beats * math.ceil(horizon / beats) for beats in (1, BEATS_PER_BAR)))
        return cls(
            index_at(position, position + horizon),
            np.stack([index_at(position, position + horizon - beats) for beats in back]),
            np.stack([index_at(position, position - lag) for lag in _LAGS_BEATS]),
        )

    def halves(self, wanted: NDArray[np.bool_]) -> tuple[Ints, Ints]:
        """Complete frames to fit on and to judge on; not even a target of the first reaches into the second half."""
        complete = wanted & (self.target >= 0) & (self.seasons >= 0).all(axis=0) & (self.lagged >= 0).all(axis=0)
        half = len(self.target) // 2
        late = np.arange(len(self.target)) >= half
        return np.flatnonzero(complete & (self.target < half)), np.flatnonzero(complete & late)


def _compare(
    guesses: Mapping[str, Floats], truth: Floats, horizon_beats: float, names: tuple[str, ...]
) -> PredictionError:
    errors = {method: np.abs(guess - truth).mean(axis=0) for method, guess in guesses.items()}
    mae = {method: float(error.mean()) for method, error in errors.items()}
    by_control = {method: dict(zip(names, error.tolist(), strict=True)) for method, error in errors.items()}
    best = min(NAIVE, key=mae.__getitem__)
    if FORECAST not in mae:
        verdict = not_computable("no forecast was given; these are the baselines")
        return PredictionError(verdict, horizon_beats, len(truth), mae, by_control, best)
    gain = 1 - mae[FORECAST] / mae[best] if mae[best] > 0 else 0.0
    verdict = judge(
        (gain >= MIN_GAIN, f"{gain:.0%} below {best}; {MIN_GAIN:.0%} are asked"),
        (mae[FORECAST] <= mae[RIDGE], f"error {mae[FORECAST]:.4f} is above that of {RIDGE}, {mae[RIDGE]:.4f}"),
    )
    return PredictionError(verdict, horizon_beats, len(truth), mae, by_control, best, gain)


def _ridge_inputs(sent: Floats, position: Floats, lagged: Ints) -> Floats:
    angle = 2 * np.pi / BEATS_PER_BAR * np.outer(position, _HARMONICS)
    return np.concatenate([*(sent[at] for at in lagged), np.cos(angle), np.sin(angle)], axis=1)


def _ridge(inputs: Floats, targets: Floats, unseen: Floats) -> Floats:
    mean, scale = inputs.mean(axis=0), inputs.std(axis=0) + 1e-9
    x, y = (inputs - mean) / scale, targets - targets.mean(axis=0)
    weights = np.linalg.solve(x.T @ x + _PENALTY * len(x) * np.eye(x.shape[1]), x.T @ y)
    guess: Floats = (unseen - mean) / scale @ weights + targets.mean(axis=0)
    return guess
