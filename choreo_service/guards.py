"""Guards between the mapper and the world: no value that is not finite, out of range or too fast gets past them.

All work on arrays [B, 5] of positions 0..1 and advance by `dk` slots of the tick grid, never by measured time, so that
replay gives the same bytes. Order: hold the last valid value -> clamp -> smooth -> limit the rate. The rate comes last
because a low-pass behind it can, in the tick after a skip, let out more than one tick's worth.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from choreo_service.flags import all_true, any_true
from choreo_service.packets import CONTROLS, BoolArray, FloatArray

Values = NDArray[np.float64]

_MAX_CATCH_UP_S = 0.1  # a long stall must not allow one huge jump


class _Remembering:
    """A guard whose state is its last output."""

    def __init__(self, initial: Values) -> None:
        self._initial = initial
        self._last = initial.copy()

    def reset(self) -> None:
        self._last = self._initial.copy()

    def state(self) -> Mapping[str, Any]:
        return {"last": self._last.copy()}

    def load_state(self, state: Mapping[str, Any]) -> None:
        self._last = np.array(state["last"], dtype=np.float64)


class HoldLastValid(_Remembering):
    """Non-finite elements are replaced by the last finite value seen at that place."""

    def step(self, x: Values) -> tuple[Values, BoolArray]:
        """[B, 5] -> ([B, 5] finite, [B, 5] which were held)"""
        finite = np.isfinite(x)
        if all_true(finite):
            self._last = x
            return x, ~finite
        self._last = np.where(finite, x, self._last)
        return self._last, ~finite


class Clamp:
    """Into [lo, hi] per control."""

    def __init__(self, lo: Values, hi: Values) -> None:
        self._lo, self._hi = lo, hi

    def step(self, x: Values) -> Values:
        return np.minimum(np.maximum(x, self._lo), self._hi)


class RateLimit(_Remembering):
    """At most `rate_per_s` change per second and control, starting from `initial`."""

    def __init__(self, initial: Values, rate_per_s: Values, period_s: float) -> None:
        super().__init__(initial)
        self._rate, self._period_s = rate_per_s, period_s
        self._most_1 = self._most(1)

    def step(self, x: Values, dk: int) -> Values:
        most = self._most_1 if dk == 1 else self._most(dk)
        self._last = np.minimum(np.maximum(x, self._last - most), self._last + most)
        return self._last

    def _most(self, dk: int) -> Values:
        return self._rate * min(dk * self._period_s, max(_MAX_CATCH_UP_S, self._period_s))


class Smooth(_Remembering):
    """One-pole low-pass with time constant `tau_s` per control (0 = none), starting from `initial`."""

    def __init__(self, initial: Values, tau_s: Values, period_s: float) -> None:
        super().__init__(initial)
        self._tau_s, self._period_s = np.maximum(tau_s, 1e-9), period_s
        self._gain_1 = self._gain(1)

    def step(self, x: Values, dk: int) -> Values:
        gain = self._gain_1 if dk == 1 else self._gain(dk)
        change = x - self._last
        change *= gain
        change += self._last
        self._last = change
        return change

    def _gain(self, dk: int) -> Values:
        gain: Values = -np.expm1(-dk * self._period_s / self._tau_s)
        return gain


class Guards:
    """The whole chain for B performers with the limits of the CONTROLS table, starting at neutral."""

    def __init__(self, performers: int, period_s: float) -> None:
        table = list(CONTROLS.values())
        start = np.tile([c.neutral for c in table], (performers, 1))
        self._hold = HoldLastValid(start)
        # As [1, 5]: for one performer nothing has to be stretched, which costs as much as to calculate.
        self._clamp = Clamp(np.array([[c.lo for c in table]]), np.array([[c.hi for c in table]]))
        self._rate = RateLimit(start, np.array([[c.rate_per_s for c in table]]), period_s)
        self._smooth = Smooth(start, np.array([[c.smooth_s for c in table]]), period_s)

    def step(self, raw: FloatArray, dk: int) -> tuple[FloatArray, bool]:
        """[B, 5] anything -> ([B, 5] finite, in range, slow enough; whether any value had to be held)"""
        x, held = self._hold.step(np.asarray(raw, dtype=np.float64))
        x = self._rate.step(self._smooth.step(self._clamp.step(x), dk), dk)
        return x.astype(np.float32), any_true(held)

    def reset(self) -> None:
        for part in (self._hold, self._rate, self._smooth):
            part.reset()

    def state(self) -> Mapping[str, Any]:
        return {"hold": self._hold.state(), "rate": self._rate.state(), "smooth": self._smooth.state()}

    def load_state(self, state: Mapping[str, Any]) -> None:
        self._hold.load_state(state["hold"])
        self._rate.load_state(state["rate"])
        self._smooth.load_state(state["smooth"])
