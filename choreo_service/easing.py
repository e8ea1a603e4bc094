"""Curves and easing.

A transfer curve bends a position 0..1 (what the dancer does) into another (what the receiver hears). A response curve
says how an eased value walks to a new target in time. Easing here is a causal finite impulse response whose step
response is the response curve: it starts at once, arrives exactly after its duration, never overshoots and never
leaves the range of its inputs, also when the target keeps moving (restarting a curve at every new target would never
get going with an s-curve).
"""

from __future__ import annotations

import itertools
import math
from collections import deque
from collections.abc import Callable, Mapping
from operator import mul
from typing import Final

Curve = Callable[[float], float]


def linear(x: float) -> float:
    return x


def s_curve(x: float) -> float:
    """Smoothstep 3x^2 - 2x^3."""
    return x * x * (3.0 - 2.0 * x)


def exponential(x: float) -> float:
    """Slow start, fast end: (e^3x - 1) / (e^3 - 1)."""
    return math.expm1(3.0 * x) / math.expm1(3.0)


def _settling(x: float) -> float:
    """Fast start, slow end: a one-pole's response with five time constants in the duration."""
    return math.expm1(-5.0 * x) / math.expm1(-5.0)


TRANSFER: Final[Mapping[str, Curve]] = {"linear": linear, "exponential": exponential, "s-curve": s_curve}
RESPONSE: Final[Mapping[str, Curve]] = {"linear": linear, "exponential": _settling, "s-curve": s_curve}


class Eased:
    """One value that follows its target along a response curve.

    `duration_s` 0 means no easing. Unit of value and target: whatever the caller uses.
    """

    def __init__(self, curve: str, duration_s: float, period_s: float) -> None:
        response = RESPONSE[curve]
        taps = max(1, round(duration_s / period_s))
        edges = [response(i / taps) for i in range(taps + 1)]
        self._weights = [b - a for a, b in itertools.pairwise(edges)]  # newest target first
        self._targets: deque[float] = deque(maxlen=taps)

    def step(self, target: float, dk: int = 1) -> float:
        """Advance `dk` slots with the target held; returns the eased value. The first target is taken at once."""
        if not self._targets:
            self.jump(target)
        for _ in range(min(dk, len(self._weights))):
            self._targets.appendleft(target)
        eased: float = sum(map(mul, self._weights, self._targets))
        return eased

    def jump(self, value: float) -> None:
        """Be at `value` now."""
        self._targets.extend([value] * len(self._weights))

    def follow(self, other: Eased) -> None:
        """Be on the way that `other` is on: its targets are ours, the oldest one as far back as ours reach."""
        if other._targets:
            known = list(itertools.islice(other._targets, len(self._weights)))
            self._targets.extend(known + [known[-1]] * (len(self._weights) - len(known)))
