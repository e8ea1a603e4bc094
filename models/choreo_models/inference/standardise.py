"""Features on a common scale per performer, before M1: the largest single gain of all models' parts."""

from __future__ import annotations

from typing import Final

import numpy as np

from choreo_models.checkpoint import CheckpointError, Weights
from choreo_models.normaliser import MEMORY_FRAMES, LatentNormalizer
from choreo_service.bodies import UNKNOWN, Body, Soundcheck
from choreo_service.packets import FEATURE_COLUMNS, MODALITIES, BoolArray, FloatArray

MEAN, SD = "features.mean", "features.sd"  # names of the prior in the checkpoint, [11] each
LIMIT: Final = 5.0  # standard deviations; a knock on the phone is not forty times a dancer's hit
CONTEXT: Final = (0.5, 0.29)  # mean and deviation of a fader that is anywhere between 0 and 1

_ENERGY: Final = FEATURE_COLUMNS.index("motion_energy")
_MODALITY_OF: Final = np.repeat(np.arange(len(MODALITIES)), [m.width for m in MODALITIES.values()])
_LEARNT: Final = slice(0, MODALITIES["motion"].width + MODALITIES["heart"].width)
_CONTEXT: Final = FEATURE_COLUMNS.index("context")

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

    def step(self, x: FloatArray, usable: BoolArray | None, frames: float) -> FloatArray:
        """Learn from `x` [B, 11] where `usable` [B, 4] and moving, and standardise it; unusable columns become 0.
        None: everything is usable."""
        moving = x[:, _ENERGY] >= self._gates
        if usable is None and moving.all():
            self.statistics.update(x[:, _LEARNT], frames=frames)
        else:
            self.statistics.update(x[:, _LEARNT], _teaching(len(x), usable, moving), frames)
        z = x.copy()
        z[:, _LEARNT] = self.statistics.apply(x[:, _LEARNT])
        z[:, _CONTEXT] = (x[:, _CONTEXT] - CONTEXT[0]) / CONTEXT[1]
        np.minimum(np.maximum(z, -LIMIT, out=z), LIMIT, out=z)
        if usable is not None:
            z[~usable[:, _MODALITY_OF]] = 0.0
        return z


def _ranges(body: Body) -> tuple[FloatArray, FloatArray]:
    """(mean, sd) of the learnt columns, NaN where the calibration did not see them."""
    found = [body.ranges.get(column) for column in FEATURE_COLUMNS[_LEARNT]]
    table = np.array([(np.nan, np.nan) if r is None else (r.mean, r.sd) for r in found], np.float32)
    return table[:, 0], table[:, 1]


def _teaching(rows: int, usable: BoolArray | None, moving: BoolArray) -> BoolArray:
    """Which of the learnt columns count, [B, 8]: those of usable modalities, motion only while it moves."""
    there = np.ones((rows, len(MODALITIES)), np.bool_) if usable is None else usable
    teaches: BoolArray = there[:, _MODALITY_OF[_LEARNT]]
    teaches[~moving, : MODALITIES["motion"].width] = False
    return teaches
