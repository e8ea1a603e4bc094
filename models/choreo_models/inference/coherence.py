"""M1 on stage: each tick's frame becomes one coherent latent per performer."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from choreo_models.inference.absence import Absence, reconstruct
from choreo_models.inference.grid import MOST_AT_ONCE, Grid
from choreo_models.inference.kernels import CoherenceKernel
from choreo_models.inference.masks import BLOCK_OF, MaskMemory, Masks
from choreo_models.inference.standardise import FeatureScaler
from choreo_service.flags import all_true, any_true
from choreo_service.packets import FEATURE_COLUMNS, LATENT_DIM, MODALITIES, FloatArray, Frame, Latent

LONGEST: Final = 3.0  # of a reconstructed block; true ones have length 1 on average
MEMORY_S: Final = 3.0  # how far back the heart's translator looks
TRUST_S: Final = 20.0  # over which a translator's errors on this performer are judged
TRUSTED: Final = 0.5  # leave-one-out error up to which it is believed; at 1 it knows no more than the average
FADE_S: Final = 20.0  # in which a held block that nobody can tell turns into the average dancer
_COHERENCE_S: Final = 0.5  # smoothing of the number people see
_SHORT: Final = 0.99 * LONGEST**2  # of all blocks' squares: below it none can be too long, however they are rounded

_FADES_S: Final = np.array([m.fade_s for m in MODALITIES.values()])
_LATENT_STARTS: Final = np.array([m.latent.start for m in MODALITIES.values()])
_BEAT: Final = slice(FEATURE_COLUMNS.index("beat_phase"), FEATURE_COLUMNS.index("beat_idx") + 1)
# As arrays: numpy takes as long to convert a Python number as to calculate with it, and all this happens every tick.
_LONGEST, _LONGEST_SQUARE, _NO_CHANGE = (np.array(v, np.float32) for v in (LONGEST, LONGEST**2, 0.0))
_ZERO, _ONE, _TRUST_RANGE = np.array(0.0), np.array(1.0), np.array(1.0 - TRUSTED)


@dataclass(frozen=True, slots=True, eq=False)
class _Gains:
    """What `steps` steps at once change, each a share of the way; arrays of one element."""

    memory: FloatArray
    averages: NDArray[np.float64]  # [2, 1, 1] of error and doubt
    forgetting: FloatArray  # what is left of a held block

    @classmethod
    def of(cls, steps: int, hz: float) -> _Gains:
        memory, coherence, trust, fade = (
            (1.0 + math.expm1(-1.0 / (s * hz))) ** steps for s in (MEMORY_S, _COHERENCE_S, TRUST_S, FADE_S)
        )
        averages = np.array([1.0 - coherence, 1.0 - trust])[:, None, None]
        return cls(np.array(1.0 - memory, np.float32), averages, np.array(fade, np.float32))


class Coherence:
    """CoherenceModel of the service. A live block is its encoding, a held one stays. A missing one goes from its last
    real latent to its translation in the even steps of its modality's `fade_s`, and back the same way. Steps that begin
    with a fifth of the way, which serve the error best, are heard: the controls leap.

    A translation is believed as far as it was right while the modality was there: on bodies the model does not
    understand, holding the last latent and slowly forgetting it is nearer the truth.

    Present blocks are never blended with their own prediction: repeated, that would pull the latent to a constant.
    """

    def __init__(
        self,
        kernel: CoherenceKernel,
        scaler: FeatureScaler,
        *,
        performers: int,
        grid: Grid,
        hz: float,
        absence: Absence = reconstruct,
    ) -> None:
        """`grid` gives the steps due per tick, `hz` is the rate the nets were trained at."""
        self._kernel, self._scaler, self._grid, self._absence = kernel, scaler, grid, absence
        self._performers, self._hz = performers, hz
        self._gains = [_Gains.of(steps, hz) for steps in range(MOST_AT_ONCE + 1)]
        self._masks = MaskMemory()
        self._blend_steps = np.maximum(1.0, np.round(_FADES_S * hz))
        self.reset()

    def reset(self) -> None:
        """As if nothing had ever been heard; the performers' statistics stay."""
        rows, modalities = self._performers, len(MODALITIES)
        nothing = np.zeros((rows, modalities), dtype=np.bool_)
        self._grid.reset()
        self._now = Masks.of(nothing, nothing)  # of the last step
        self._z = np.zeros((rows, LATENT_DIM), dtype=np.float32)
        self._encoded_from = np.zeros((2 * rows, len(FEATURE_COLUMNS)), dtype=np.float32)  # the two below, one call
        self._x, self._memory = self._encoded_from[:rows], self._encoded_from[rows:]
        self._heard = nothing.copy()
        self._since = np.tile(self._blend_steps, (rows, 1))
        self._faded = True  # every hand-over is over
        self._averages = np.empty((2, rows, modalities))  # the translators' error, quickly and slowly averaged
        self._averages[_ERROR], self._averages[_DOUBT] = 1.0, TRUSTED
        self._last = np.zeros((rows, LATENT_DIM), dtype=np.float32)
        # What saves work and is no state: where the averages' change is calculated, and each one's share of it.
        self._change = np.empty_like(self._averages)
        self._weights_of: tuple[Masks, int] | None = None
        self._weights = np.empty_like(self._averages)

    def step(self, frame: Frame) -> Latent:
        steps = self._grid.due(frame.dk)
        if steps:
            x = frame.features()
            masks = self._masks.of(frame, x)
            self._advance(self._scaler.step(x, masks.fresh, float(steps)), masks, steps)
        return Latent(self._z.copy(), self._coherence(), ~self._now.usable)

    def recalibrate(self, performer: int, fade_s: float) -> None:
        """Learn the performer's statistics anew, cross-fading for `fade_s` from what they were."""
        self._scaler.statistics.renew(performer, fade_s * self._hz)

    def inherit(self, state: Mapping[str, Any]) -> None:
        """The performers' statistics, which are of features and not of latents."""
        self._scaler.statistics.load_state_dict(state["features"])

    def state(self) -> Mapping[str, Any]:
        return {
            **{name: getattr(self, f"_{name}").copy() for name in _ARRAYS},
            "memory": self._memory.copy(),
            "usable": self._now.usable.copy(),
            "error": self._averages[_ERROR].copy(),
            "doubt": self._averages[_DOUBT].copy(),
            "grid": self._grid.state(),
            "features": self._scaler.statistics.state_dict(),
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        for name in _ARRAYS:
            current = getattr(self, f"_{name}")
            setattr(self, f"_{name}", np.array(state[name], dtype=current.dtype).reshape(current.shape))
        self._memory[:] = np.array(state["memory"], dtype=np.float32).reshape(self._memory.shape)
        usable = np.array(state["usable"], dtype=np.bool_).reshape(self._heard.shape)
        self._now = Masks.of(usable, usable)
        self._faded = all_true(self._since >= self._blend_steps)
        for average, name in ((_ERROR, "error"), (_DOUBT, "doubt")):
            self._averages[average] = np.array(state[name], dtype=np.float64).reshape(self._heard.shape)
        self._grid.load_state(state["grid"])
        self._scaler.statistics.load_state_dict(state["features"])

    def _advance(self, x: FloatArray, masks: Masks, steps: int) -> None:
        gains = self._gains[steps]
        blend = self._blends(masks, steps)
        self._x[:] = x
        self._remember(x, masks, gains)
        encoded = self._kernel.encode(self._encoded_from)
        now, remembered = encoded[: len(x)], encoded[len(x) :]
        if masks.all_fresh and blend is None:
            self._z = now
        else:
            toward = now - self._z
            if blend is not None:
                toward *= blend
            if not masks.all_fresh:
                np.copyto(toward, _NO_CHANGE, where=masks.stale_blocks)
            toward += self._z
            self._z = toward
            np.copyto(remembered, self._z, where=masks.stale_blocks)
        translation = self._kernel.translate(self._z, remembered)
        self._judge(translation, masks, steps)
        if masks.all_usable:
            self._last = self._z
        else:
            self._last = self._last * gains.forgetting
            np.copyto(self._last, self._z, where=masks.usable_blocks)
            self._z = self._filled(translation, masks, blend)

    def _blends(self, masks: Masks, steps: int) -> FloatArray | None:
        """How far each block goes toward its target now, [B, 104]; None for all the way, everywhere."""
        before, self._now = self._now.usable, masks
        if self._faded and (masks.usable is before or masks.usable.tobytes() == before.tobytes()):
            return None
        turned = masks.usable != before
        # A modality heard for the first time has nothing to fade from. A fade waits while its block is held.
        moves = masks.fresh | ~masks.usable
        self._since = np.where(turned & self._heard, 0.0, self._since) + np.where(moves, steps, 0)
        self._heard |= masks.usable
        np.minimum(self._since, self._blend_steps, out=self._since)
        self._faded = all_true(self._since >= self._blend_steps)
        # Even steps to a goal that moves: each takes its part of what is left.
        blend: FloatArray = (steps / (self._blend_steps - self._since + steps)).astype(np.float32)
        return blend[:, BLOCK_OF]

    def _remember(self, x: FloatArray, masks: Masks, gains: _Gains) -> None:
        """What the heart's translator looks at: the last seconds of the body, and the beat of now."""
        change = x - self._memory
        change *= gains.memory
        if not masks.all_fresh:
            np.copyto(change, _NO_CHANGE, where=masks.stale_features)
        self._memory += change
        self._memory[:, _BEAT] = x[:, _BEAT]

    def _filled(self, translation: FloatArray, masks: Masks, blend: FloatArray | None) -> FloatArray:
        """The latent with its missing blocks on the way to what they should be."""
        trust = _ONE - self._averages[_DOUBT]
        trust /= _TRUST_RANGE
        np.minimum(np.maximum(trust, _ZERO, out=trust), _ONE, out=trust)
        told = translation - self._last
        told *= trust.astype(np.float32).take(BLOCK_OF, axis=1)
        told += self._last
        filled = self._absence(self._z, told) - self._z
        if blend is not None:
            filled *= blend
        filled += self._z
        if not np.vdot(filled, filled) < _SHORT:  # as that of one performer mostly is
            squares = np.add.reduceat(np.square(filled), _LATENT_STARTS, axis=1)
            if any_true(squares > _LONGEST_SQUARE):
                filled *= (_LONGEST / np.maximum(np.sqrt(squares), _LONGEST)).take(BLOCK_OF, axis=1)
        np.copyto(filled, self._z, where=masks.usable_blocks)
        return filled

    def _judge(self, translation: FloatArray, masks: Masks, steps: int) -> None:
        difference = self._z - translation
        difference *= difference
        error = np.add.reduceat(difference, _LATENT_STARTS, axis=1)
        finite = np.isfinite(error)
        if self._weights_of != (masks, steps):  # seldom
            self._weights_of, self._weights = (masks, steps), self._gains[steps].averages * masks.weights
        weights = self._weights
        if not all_true(finite):  # one bad number of a kernel must not stay in an average for ever
            weights = weights * finite
            np.copyto(error, 0.0, where=~finite)
        change = self._change
        change[:] = error
        change -= self._averages
        change *= weights
        self._averages += change

    def _coherence(self) -> FloatArray:
        """[B] 0..1: the share of the present blocks' variance that the other modalities explain."""
        unexplained = np.add.reduce(self._averages[_ERROR] * self._now.counts, axis=1) / self._now.usable_count
        explained = np.maximum(_ONE - unexplained, _ZERO)  # never above 1: errors are squares
        if not self._now.everybody:
            explained = explained * self._now.anybody
        told: FloatArray = explained.astype(np.float32)
        return told


_ERROR, _DOUBT = range(2)
_ARRAYS: Final = ("z", "heard", "since", "last")
