"""M2: running statistics per performer, and the common scale they give. One class for features and for latents."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from choreo_service.flags import all_true, any_true
from choreo_service.packets import FloatArray

PRIOR_FRAMES: Final = 500.0  # the prior counts as much as ten seconds at 50 Hz
SETTLE_FRAMES: Final = 4500.0  # the soundcheck: ninety seconds of data that count fully
MEMORY_FRAMES: Final = 45_000.0  # afterwards: fifteen minutes, so that a loud section stays loud
SD_FLOOR: Final = 0.2  # of the prior's deviation: silence must not turn noise into full swing

_Array = NDArray[np.float64]
# As arrays: numpy takes as long to convert a Python number as to calculate with it.
_NONE, _ONE = np.array(0.0), np.array(1.0)


class LatentNormalizer:
    """x -> (x - mean) / sd with statistics of `rows` performers, [rows, d], learnt while they play.

    Welford's recursion through the soundcheck (`settle` frames), then an exponential memory of `memory` frames; inf
    freezes there by itself. The statistics a row plays with are shrunk toward the prior: w = n / (n + prior),
    mean = w mean_n + (1 - w) mean_0, the variance likewise. (A prior that is gone after ten seconds was measured to
    leave 1.7 times the error on unseen dancers: half a minute is too short to know anybody.) sd never falls below
    SD_FLOOR of the prior's.
    """

    def __init__(
        self,
        mean: ArrayLike,
        sd: ArrayLike,
        *,
        rows: int = 1,
        prior: float = PRIOR_FRAMES,
        settle: float = SETTLE_FRAMES,
        memory: float = MEMORY_FRAMES,
    ) -> None:
        """`mean`, `sd` [d]: of the training performers, which count as much as `prior` frames of a row's own.
        ValueError where a deviation isn't above 0."""
        mean_0, sd_0 = np.array(mean, dtype=np.float64), np.array(sd, dtype=np.float64)
        if mean_0.ndim != 1 or mean_0.shape != sd_0.shape:
            raise ValueError(f"prior: expected mean [d] and sd [d], found {mean_0.shape} and {sd_0.shape}")
        if not (np.isfinite(mean_0).all() and np.isfinite(sd_0).all() and (sd_0 > 0).all()):
            raise ValueError("prior: expected finite means and deviations above 0")
        self._given = np.stack((mean_0, sd_0**2))[:, None]  # [2, 1, d] mean and variance of the prior
        self._least_var = SD_FLOOR**2 * self._given[1]
        self._prior = np.array(max(float(prior), np.finfo(float).tiny))  # without a prior, 0 frames are none of 0
        self._settle, self._memory = float(settle), float(memory)
        self._frozen = False
        self._gains_of, self._kept_gains = 0.0, (np.zeros(()), np.zeros(()))
        shape = rows, len(sd_0)
        self._learnt = np.zeros((2, *shape))
        self._mean, self._var = self._learnt
        self._count = np.zeros(shape)
        self._soundcheck = np.full(shape, self._settle)  # frames it takes; 0 where it is over, however short it was
        self._is_settled = False  # known to be over everywhere; no state, it saves work
        self._old_shift = np.zeros(shape)  # what the cross-fade of a new beginning comes from
        self._old_per_sd = np.ones(shape)
        self._fade = np.zeros(rows)  # its length in frames
        self._fading = np.zeros(rows)  # what is left of it
        self._is_fading = False  # any row
        self._refresh()

    def update(self, x: ArrayLike, teaches: ArrayLike | None = None, frames: float = 1.0) -> None:
        """Learn from `x` [rows, d] where `teaches`, which broadcasts to that shape, says so; None is everywhere. What
        is not finite teaches nothing. `frames`: how many frames of the net's grid `x` stands for."""
        if self._is_fading:
            np.maximum(self._fading - frames, 0.0, out=self._fading)
            self._refresh()
        if self._frozen:
            return
        now = np.asarray(x, dtype=np.float64)
        learns = np.isfinite(now)
        everything_finite = all_true(learns)
        if teaches is not None:
            learns = learns & np.asarray(teaches, dtype=np.bool_)
        if not any_true(learns):
            return
        weight, settled_gain = self._gains(frames)
        count = self._count + weight
        if self._is_settled:
            gain = settled_gain
        else:
            gain = weight / count  # 1/n is Welford's exact mean and variance
            settled = count > self._soundcheck
            np.copyto(gain, settled_gain, where=settled)  # a constant one is an exponential memory
            if self._memory == math.inf:
                learns = learns & ~settled
        step = now - self._mean
        if not everything_finite:
            np.copyto(step, 0.0, where=~learns)
        if all_true(learns):
            self._count, self._is_settled = count, self._is_settled or all_true(settled)
        else:
            gain = np.where(learns, gain, _NONE)
            np.copyto(self._count, count, where=learns)
        move = gain * step
        self._mean += move
        step -= move
        step *= move
        step -= gain * self._var
        self._var += step
        self._refresh()

    def apply(self, x: ArrayLike) -> FloatArray:
        """`x` [rows, d] (or anything that broadcasts) on the common scale."""
        z: FloatArray = self.scaled(x).astype(np.float32)
        return z

    def scaled(self, x: ArrayLike) -> _Array:
        """As `apply`, before it is rounded to float32; a new array."""
        z: _Array = np.asarray(x, dtype=np.float64) - self._shift
        z *= self._per_sd
        return z

    def denormalize(self, z: ArrayLike) -> FloatArray:
        """The inverse of apply."""
        x: FloatArray = (np.asarray(z, dtype=np.float64) / self._per_sd + self._shift).astype(np.float32)
        return x

    def know(self, row: int, mean: ArrayLike, sd: ArrayLike, frames: float) -> None:
        """Begin `row` with a soundcheck that is over: `mean`, `sd` [d] of `frames` frames, NaN where nothing is
        known."""
        known = np.isfinite(mean) & np.isfinite(sd)
        self._soundcheck[row] = np.where(known, 0.0, self._settle)
        self._count[row] = np.where(known, frames, 0.0)
        self._mean[row] = np.where(known, mean, 0.0)
        self._var[row] = np.where(known, np.square(sd), 0.0)
        self._is_settled = False
        self._refresh()

    def renew(self, row: int, fade: float) -> None:
        """Learn `row` anew from the prior on; what it was scaled by fades out over `fade` frames of `update`."""
        self._old_shift[row], self._old_per_sd[row] = self._shift[row], self._per_sd[row]
        self._fade[row] = self._fading[row] = max(0.0, fade)
        self._count[row], self._learnt[:, row], self._soundcheck[row] = 0.0, 0.0, self._settle
        self._is_fading, self._is_settled = True, False
        self._refresh()

    def freeze(self) -> None:
        """Learn no more."""
        self._frozen = True

    @property
    def mean(self) -> _Array:
        """[rows, d] what is subtracted now."""
        return np.array(self._shift)

    @property
    def sd(self) -> _Array:
        """[rows, d] what is divided by now."""
        return np.asarray(1.0 / self._per_sd)

    def state_dict(self) -> dict[str, Any]:
        """What has been learnt; shares nothing with the object."""
        return {
            "count": self._count.copy(),
            "mean": self._mean.copy(),
            "var": self._var.copy(),
            "over": self._soundcheck == 0.0,
            "old_shift": self._old_shift.copy(),
            "old_per_sd": self._old_per_sd.copy(),
            "fade": self._fade.copy(),
            "fading": self._fading.copy(),
            "frozen": self._frozen,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from `state_dict()`; KeyError for what is missing, ValueError for another shape."""
        shape = self._count.shape
        loaded = {name: np.array(state[name], dtype=np.float64) for name in _ARRAYS}
        over = loaded["over"] = np.array(state["over"], dtype=np.bool_)
        for name, value in loaded.items():
            expected = shape[:1] if name in _PER_ROW else shape
            if value.shape != expected:
                raise ValueError(f"{name}: expected {list(expected)}, found {list(value.shape)}")
        for name in _ARRAYS:
            getattr(self, f"_{name}")[:] = loaded[name]
        self._soundcheck[:] = np.where(over, 0.0, self._settle)
        self._frozen, self._is_fading, self._is_settled = bool(state["frozen"]), True, False
        self._refresh()

    def reset(self) -> None:
        """Back to the prior, learning again."""
        self._count[:], self._learnt[:], self._fading[:], self._soundcheck[:] = 0.0, 0.0, 0.0, self._settle
        self._frozen = self._is_settled = False
        self._refresh()

    def _gains(self, frames: float) -> tuple[_Array, _Array]:
        """What an update of `frames` frames weighs, and its gain after the soundcheck; made anew only when that
        changes, which is seldom."""
        if frames != self._gains_of:
            self._gains_of = frames
            self._kept_gains = np.asarray(float(frames)), np.asarray(min(1.0, frames / self._memory))
        return self._kept_gains

    def _refresh(self) -> None:
        own = self._count / (self._count + self._prior)
        scale = self._learnt - self._given
        scale *= own
        scale += self._given
        self._shift: _Array = scale[0]
        variance = scale[1]
        np.maximum(variance, self._least_var, out=variance)
        self._per_sd = np.divide(_ONE, np.sqrt(variance, out=variance), out=variance)
        self._is_fading = self._is_fading and bool(self._fading.any())
        if self._is_fading:
            old = (self._fading / np.maximum(self._fade, 1.0))[:, None]
            self._shift += old * (self._old_shift - self._shift)
            self._per_sd += old * (self._old_per_sd - self._per_sd)


_PER_ROW: Final = ("fade", "fading")
_ARRAYS: Final = ("count", "mean", "var", "old_shift", "old_per_sd", *_PER_ROW)
