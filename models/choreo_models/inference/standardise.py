"""Features on a common scale per performer, before M1: the largest single gain of all models' parts."""

from __future__ import annotations

from typing import Final

import numpy as np

from choreo_models.checkpoint import CheckpointError, Weights
from choreo_models.inference.masks import FEATURE_OF
from choreo_models.normaliser import MEMORY_FRAMES, LatentNormalizer
from choreo_service.bodies import UNKNOWN, Body, Soundcheck
from choreo_service.flags import all_true, any_true
from choreo_service.packets import FEATURE_COLUMNS, MODALITIES, BoolArray, FloatArray

MEAN, SD = "features.mean", "features.sd"  # names of the prior in the checkpoint, [11] each
LIMIT: Final = 5.0  # standard deviations; a knock on the phone is not forty times a dancer's hit
CONTEXT: Final = (0.5, 0.29)  # mean and deviation of a fader that is anywhere between 0 and 1

_ENERGY: Final = FEATURE_COLUMNS.index("motion_energy")
_LEARNT: Final = slice(0, MODALITIES["motion"].width + MODALITIES["heart"].width)
_CONTEXT: Final = FEATURE_COLUMNS.index("context")
# As arrays: numpy takes as long to convert a Python number as to calculate with it, and all this happens every tick.
_CONTEXT_MEAN, _CONTEXT_SD, _LOWEST, _HIGHEST, _ZERO = (np.array(v, np.float32) for v in (*CONTEXT, -LIMIT, LIMIT, 0.0))

if set(FEATURE_COLUMNS[_LEARNT]) != {*MODALITIES["motion"].columns, *MODALITIES["heart"].columns}:
    raise ImportError("packets.MODALITIES: motion and heart are expected to come first")


class FeatureScaler:
    """[B, 11] in their units -> standardised, motion and heart by the performer's own statistics.

    The beat passes unchanged (its encoder needs phase and index, which lie inside LIMIT), the context is scaled by
    constants.
    """

    def __init__(self, mean: FloatArray, sd: FloatArray, *, performers: int, soundcheck: Soundcheck = UNKNOWN) -> None:
        """`mean`, `sd` [11]: over the training performers."""
        memory = np.inf if soundcheck.freezes else MEMORY_FRAMES
        self.statistics = LatentNormalizer(mean[_LEARNT], sd[_LEARNT], rows=performers, memory=memory)
        self._gates = np.array([soundcheck.gate(row) for row in range(performers)])
        self._situation = (
            b""  # usable and moving at the last step, of which `_chosen` was made: no state, it saves work
        )
        self._chosen: tuple[BoolArray | None, BoolArray | None, bool] = (None, None, False)
        for row in range(performers):
            body = soundcheck.body(row)
            if body is not None:
                self.statistics.know(row, *_ranges(body), body.frames)

    @classmethod
    def of(cls, weights: Weights, *, performers: int, soundcheck: Soundcheck = UNKNOWN) -> FeatureScaler:
        """With the prior of an `rps` checkpoint."""
        for name in (MEAN, SD):
            if name not in weights or weights[name].shape != (len(FEATURE_COLUMNS),):
                raise CheckpointError(f"the weights hold no {name} of {len(FEATURE_COLUMNS)} numbers")
        if not (weights[SD] > 0).all():
            raise CheckpointError(f"{SD}: expected deviations above 0")
        return cls(weights[MEAN], weights[SD], performers=performers, soundcheck=soundcheck)

    def step(self, x: FloatArray, usable: BoolArray, frames: float) -> FloatArray:
        """Learn from `x` [B, 11] where `usable` [B, 4] and moving, and standardise it; unusable columns become 0."""
        learnt = x[:, _LEARNT].astype(np.float64)
        teaches, unusable, hears_context = self._columns(usable, learnt[:, _ENERGY] >= self._gates)
        self.statistics.update(learnt, teaches, frames)
        z = x.copy()
        z[:, _LEARNT] = self.statistics.scaled(learnt)
        if hears_context:
            context = z[:, _CONTEXT]
            context -= _CONTEXT_MEAN
            context /= _CONTEXT_SD
        np.minimum(np.maximum(z, _LOWEST, out=z), _HIGHEST, out=z)
        if unusable is not None:
            np.copyto(z, _ZERO, where=unusable)
        return z

    def _columns(self, usable: BoolArray, moving: BoolArray) -> tuple[BoolArray | None, BoolArray | None, bool]:
        """The learnt columns that count, [B, 8], and the unusable ones, [B, 11], None for all and for none; whether
        anybody's context is usable.

        Made anew only when something has changed, which is seldom.
        """
        situation = usable.tobytes() + moving.tobytes()
        if situation != self._situation:
            self._situation = situation
            teaches = _teaching(usable, moving)
            self._chosen = (
                None if all_true(teaches) else teaches,
                None if all_true(usable) else ~usable[:, FEATURE_OF],
                any_true(usable[:, FEATURE_OF[_CONTEXT]]),
            )
        return self._chosen


def _ranges(body: Body) -> tuple[FloatArray, FloatArray]:
    """(mean, sd) of the learnt columns, NaN where the calibration did not see them."""
    found = [body.ranges.get(column) for column in FEATURE_COLUMNS[_LEARNT]]
    table = np.array([(np.nan, np.nan) if r is None else (r.mean, r.sd) for r in found], np.float32)
    return table[:, 0], table[:, 1]


def _teaching(usable: BoolArray, moving: BoolArray) -> BoolArray:
    """Which of the learnt columns count, [B, 8]: those of usable modalities, motion only while it moves."""
    teaches: BoolArray = usable[:, FEATURE_OF[_LEARNT]]
    teaches[~moving, : MODALITIES["motion"].width] = False
    return teaches
