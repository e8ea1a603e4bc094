"""M1 on stage: each tick's frame becomes one coherent latent per performer."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from choreo_models.inference.absence import Absence, reconstruct
from choreo_models.inference.grid import Grid
from choreo_models.inference.kernels import CoherenceKernel
from choreo_models.inference.standardise import FeatureScaler
from choreo_service.packets import FEATURE_COLUMNS, LATENT_DIM, MODALITIES, BoolArray, FloatArray, Frame, Latent

LONGEST: Final = 3.0  # of a reconstructed block; true ones have length 1 on average
MEMORY_S: Final = 3.0  # how far back the heart's translator looks
TRUST_S: Final = 20.0  # over which a translator's errors on this performer are judged
TRUSTED: Final = 0.5  # leave-one-out error up to which it is believed; at 1 it knows no more than the average
FADE_S: Final = 20.0  # in which a held block that nobody can tell turns into the average dancer
_COHERENCE_S: Final = 0.5  # smoothing of the number people see

_FADES_S: Final = np.array([m.fade_s for m in MODALITIES.values()])
_WIDTHS: Final = [m.width for m in MODALITIES.values()]
_FEATURE_STARTS: Final = np.cumsum([0, *_WIDTHS[:-1]])
_MODALITY_OF: Final = np.repeat(np.arange(len(MODALITIES)), _WIDTHS)
_LATENT_STARTS: Final = [m.latent.start for m in MODALITIES.values()]
_BLOCK_OF: Final = np.repeat(np.arange(len(MODALITIES)), [m.latent.stop - m.latent.start for m in MODALITIES.values()])
_BEAT: Final = slice(FEATURE_COLUMNS.index("beat_phase"), FEATURE_COLUMNS.index("beat_idx") + 1)


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
        self._memory_gain, self._coherence_gain, self._trust_gain, self._fade = (
            -math.expm1(-1.0 / (s * hz)) for s in (MEMORY_S, _COHERENCE_S, TRUST_S, FADE_S)
        )
        self._blend_steps = np.maximum(1.0, np.round(_FADES_S * hz))
        self.reset()

    def reset(self) -> None:
        """As if nothing had ever been heard; the performers' statistics stay."""
        rows = self._performers
        self._grid.reset()
        self._z = np.zeros((rows, LATENT_DIM), dtype=np.float32)
        self._memory = np.zeros((rows, len(FEATURE_COLUMNS)), dtype=np.float32)
        self._usable = np.zeros((rows, len(MODALITIES)), dtype=np.bool_)
        self._heard = np.zeros((rows, len(MODALITIES)), dtype=np.bool_)
        self._since = np.tile(self._blend_steps, (rows, 1))
        self._steady = False  # everything was live and faded in at the last step; only saves work, so it is no state
        self._error = np.ones((rows, len(MODALITIES)))
        self._doubt = np.full((rows, len(MODALITIES)), TRUSTED)
        self._last = np.zeros((rows, LATENT_DIM), dtype=np.float32)

    def step(self, frame: Frame) -> Latent:
        steps = self._grid.due(frame.dk)
        if steps:
            x = frame.features()
            # A held value is a fading one: its block keeps the last latent that was real.
            live = frame.live
            # Hardly ever is anything missing: the usual tick must not pay for it.
            if live.all() and np.isfinite(x).all():
                self._advance(self._scaler.step(x, None, float(steps)), live, live, steps, all_live=True)
            else:
                finite = _finite(x)
                fresh = live & finite
                scaled = self._scaler.step(x, fresh, float(steps))
                self._advance(scaled, frame.present & finite, fresh, steps, all_live=False)
        return Latent(self._z.copy(), self._coherence(), ~self._usable)

    def recalibrate(self, performer: int, fade_s: float) -> None:
        """Learn the performer's statistics anew, cross-fading for `fade_s` from what they were."""
        self._scaler.statistics.renew(performer, fade_s * self._hz)

    def inherit(self, state: Mapping[str, Any]) -> None:
        """The performers' statistics, which are of features and not of latents."""
        self._scaler.statistics.load_state_dict(state["features"])

    def state(self) -> Mapping[str, Any]:
        arrays = {name: getattr(self, f"_{name}").copy() for name in _ARRAYS}
        return {**arrays, "grid": self._grid.state(), "features": self._scaler.statistics.state_dict()}

    def load_state(self, state: Mapping[str, Any]) -> None:
        for name in _ARRAYS:
            current = getattr(self, f"_{name}")
            setattr(self, f"_{name}", np.array(state[name], dtype=current.dtype).reshape(current.shape))
        self._steady = False
        self._grid.load_state(state["grid"])
        self._scaler.statistics.load_state_dict(state["features"])

    def _advance(self, x: FloatArray, usable: BoolArray, fresh: BoolArray, steps: int, *, all_live: bool) -> None:
        blend = None if all_live and self._steady else self._blends(usable, fresh, steps)
        self._steady = all_live and blend is None
        self._remember(x, fresh, all_live, steps)
        memory = self._memory.copy()
        memory[:, _BEAT] = x[:, _BEAT]
        encoded = self._kernel.encode(np.concatenate((x, memory)))
        now, remembered = encoded[: len(x)], encoded[len(x) :]
        toward = now - self._z if blend is None else blend * (now - self._z)
        if all_live:
            self._z = now if blend is None else self._z + toward
        else:
            there = fresh[:, _BLOCK_OF]
            self._z = self._z + np.where(there, toward, np.float32(0.0))
            remembered = np.where(there, remembered, self._z)
        translation = self._kernel.translate(self._z, remembered)
        self._judge(translation, fresh, steps, all_live=all_live)
        if all_live or usable.all():
            self._last = self._z
        else:
            self._last = np.where(usable[:, _BLOCK_OF], self._z, self._last * np.float32((1.0 - self._fade) ** steps))
            self._fill(translation, usable[:, _BLOCK_OF], np.float32(1.0) if blend is None else blend)

    def _blends(self, usable: BoolArray, fresh: BoolArray, steps: int) -> FloatArray | None:
        """How far each block goes toward its target now, [B, 104]; None for all the way, everywhere."""
        turned = usable != self._usable
        steps_of = self._blend_steps
        if not turned.any() and (self._since >= steps_of).all():
            return None
        # A modality heard for the first time has nothing to fade from. A fade waits while its block is held.
        self._since = np.where(turned & self._heard, 0.0, self._since) + np.where(fresh | ~usable, steps, 0)
        self._usable = usable
        self._heard |= usable
        np.minimum(self._since, steps_of, out=self._since)
        # Even steps to a goal that moves: each takes its part of what is left.
        blend: FloatArray = (steps / (steps_of - self._since + steps)).astype(np.float32)
        return blend[:, _BLOCK_OF]

    def _remember(self, x: FloatArray, fresh: BoolArray, all_live: bool, steps: int) -> None:
        step = np.float32(1.0 - (1.0 - self._memory_gain) ** steps) * (x - self._memory)
        self._memory += step if all_live else np.where(fresh[:, _MODALITY_OF], step, np.float32(0.0))

    def _fill(self, translation: FloatArray, there: BoolArray, blend: FloatArray | np.float32) -> None:
        trust = np.minimum(np.maximum((1.0 - self._doubt) / (1.0 - TRUSTED), 0.0), 1.0).astype(np.float32)[:, _BLOCK_OF]
        target = self._absence(self._z, self._last + trust * (translation - self._last))
        self._z = self._z + np.where(there, np.float32(0.0), blend * (target - self._z))
        length = np.sqrt(np.add.reduceat(np.square(self._z), _LATENT_STARTS, axis=1))
        shrink = (LONGEST / np.maximum(length, LONGEST)).astype(np.float32)[:, _BLOCK_OF]
        self._z = np.where(there, self._z, self._z * shrink)

    def _judge(self, translation: FloatArray, fresh: BoolArray, steps: int, *, all_live: bool) -> None:
        error = np.add.reduceat(np.square(self._z - translation), _LATENT_STARTS, axis=1)
        now, slowly = (1.0 - (1.0 - gain) ** steps for gain in (self._coherence_gain, self._trust_gain))
        learns = np.isfinite(error)  # one bad number of a kernel must not stay in an average for ever
        if not (all_live and learns.all()):
            learns &= fresh
            error = np.where(learns, error, 0.0)
        self._error += learns * now * (error - self._error)
        self._doubt += learns * slowly * (error - self._doubt)

    def _coherence(self) -> FloatArray:
        """[B] 0..1: the share of the present blocks' variance that the other modalities explain."""
        if self._steady:
            mean = np.add.reduce(self._error, axis=1) / len(MODALITIES)
            told: FloatArray = np.minimum(np.maximum(1.0 - mean, 0.0), 1.0).astype(np.float32)
            return told
        there = np.add.reduce(self._usable, axis=1)
        mean = np.add.reduce(self._error * self._usable, axis=1) / np.maximum(there, 1)
        explained: FloatArray = (np.minimum(np.maximum(1.0 - mean, 0.0), 1.0) * (there > 0)).astype(np.float32)
        return explained


_ARRAYS: Final = ("z", "memory", "usable", "heard", "since", "error", "doubt", "last")


def _finite(x: FloatArray) -> BoolArray:
    """[B, 11] -> [B, 4]"""
    return np.logical_and.reduceat(np.isfinite(x), _FEATURE_STARTS, axis=1)
