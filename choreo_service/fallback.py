"""The rule mapper: five controls straight from the features, so that the show works without any checkpoint.

Rules of the teacher: tempo_scale from motion_freq, density from motion_energy, tension from hr_slope, brightness from
symmetry, fx_send from jerk. Each feature is squashed as c = 1/2 + 1/2 tanh((EMA(x, tau) - m) / s), where m and s are
running statistics of this performer mixed with a prior, so that a phone on a running hip and a watch on a seated
wrist both use the range.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np

from choreo_service.bodies import UNKNOWN, Soundcheck
from choreo_service.packets import CONTROLS, MODALITIES, MODALITY_NAMES, FloatArray, Frame, ModalityState


@dataclass(frozen=True, slots=True)
class Rule:
    """One control from one feature."""

    control: str
    feature: str
    modality: str
    tau_s: float  # smoothing of the feature before squashing
    mean: float  # prior mean, in the feature's unit
    sd: float  # prior standard deviation, in the feature's unit
    limit: float  # the feature is clipped to +-limit before it counts


RULES: Final = (
    Rule("tempo_scale", "motion_freq", "motion", 0.5, mean=1.8, sd=0.5, limit=10.0),
    Rule("density", "motion_energy", "motion", 0.06, mean=1.8, sd=1.2, limit=60.0),
    Rule("tension", "hr_slope", "heart", 0.5, mean=0.0, sd=0.5, limit=10.0),
    Rule("brightness", "symmetry", "motion", 0.3, mean=0.8, sd=0.15, limit=1.5),
    Rule("fx_send", "jerk", "motion", 0.0, mean=40.0, sd=40.0, limit=3000.0),
)

_PRIOR_FRAMES: Final = 200.0  # the prior weighs as much as four seconds at 50 Hz
_MEMORY_FRAMES: Final = 15_000.0  # five minutes at 50 Hz: slow enough that a loud section stays loud
_SD_FLOOR: Final = 0.2  # of the prior: silence must not turn noise into full swing
_SPREAD: Final = 1.4  # standard deviations from the middle to tanh(1) = 76 % of the half range
_SOUNDCHECK_FRAMES: Final = 4500.0  # ninety seconds at 50 Hz: a soundcheck that freezes is over
_ABSENT_TAU_S: Final = 1.0  # how slowly a control leaves for neutral when its sensor is missing

_COLUMNS: Final = (*MODALITIES["motion"].columns, *MODALITIES["heart"].columns)  # what the rules look at
_ENERGY: Final = _COLUMNS.index("motion_energy")
_ABSENT: Final = int(ModalityState.RECOVERING)  # the first of the states in which a value may not be used


@dataclass(frozen=True, slots=True)
class _Part:
    """One rule and all that follows from it, worked out once because it plays every tick."""

    rule: Rule
    column: int  # of _COLUMNS
    modality: int
    of_motion: bool
    least_var: float
    neutral: float
    return_s: float  # how long a return cross-fades

    @classmethod
    def of(cls, rule: Rule) -> _Part:
        control = CONTROLS[rule.control]
        return cls(
            rule,
            _COLUMNS.index(rule.feature),
            MODALITY_NAMES.index(rule.modality),
            rule.modality == "motion",
            (_SD_FLOOR * rule.sd) ** 2,
            control.neutral,
            max((control.hi - control.lo) / control.rate_per_s, MODALITIES[rule.modality].fade_s),
        )


_PARTS: Final = tuple(map(_Part.of, RULES))


class RuleMapper:
    """Frame -> [B, 5] positions 0..1. Pure and deterministic; a value that is not finite counts as absent.

    Plain floats: for one performer a dozen arrays of five numbers would cost several times as much.
    """

    name = "rules"

    def __init__(self, performers: int, period_s: float, soundcheck: Soundcheck = UNKNOWN) -> None:
        self._performers, self._period_s, self._soundcheck = performers, period_s, soundcheck
        self._gates = [soundcheck.gate(performer) for performer in range(performers)]
        self.reset()

    def reset(self) -> None:
        self._followers = [[_Follower.of(rule) for rule in RULES] for _ in range(self._performers)]
        for performer, row in enumerate(self._followers):
            body = self._soundcheck.body(performer)
            for rule, follower in zip(RULES, row, strict=True):
                if body is not None and rule.feature in body.ranges:
                    known = body.ranges[rule.feature]
                    follower.mean, follower.var, follower.count = known.mean, known.sd**2, _SOUNDCHECK_FRAMES

    def recalibrate(self, performer: int, fade_s: float) -> None:
        """Learn `performer` anew, from the prior on, cross-fading for `fade_s` from what was known."""
        for part, follower in zip(_PARTS, self._followers[performer], strict=True):
            follower.renew(part, fade_s)

    def step(self, frame: Frame) -> FloatArray:
        """One tick; `frame.dk` slots pass."""
        elapsed_s = frame.dk * self._period_s
        rows = zip(frame.motion.tolist(), frame.heart.tolist(), frame.state.tolist(), strict=True)
        return np.array(
            [
                self._step_one(followers, motion + heart, states, elapsed_s, gate)
                for followers, (motion, heart, states), gate in zip(self._followers, rows, self._gates, strict=True)
            ],
            dtype=np.float32,
        )

    def state(self) -> Mapping[str, Any]:
        return {"followers": [[asdict(f) for f in row] for row in self._followers]}

    def load_state(self, state: Mapping[str, Any]) -> None:
        self._followers = [[_Follower(**saved) for saved in row] for row in state["followers"]]

    def _step_one(
        self, followers: list[_Follower], row: list[float], states: list[int], elapsed_s: float, gate: float
    ) -> list[float]:
        # Only who moves may teach the motion statistics: a freeze is a gesture, not a new normal.
        moving, freezes = row[_ENERGY] > gate, self._soundcheck.freezes
        gains, leaving = _gains(elapsed_s)
        out = []
        for part, follower, gain in zip(_PARTS, followers, gains, strict=True):
            x = row[part.column]
            there = states[part.modality] < _ABSENT and math.isfinite(x)
            if there:
                learns = not (freezes and follower.count >= _SOUNDCHECK_FRAMES)
                follower.hear(x, part.rule.limit, gain, teach=learns and (moving or not part.of_motion))
            out.append(follower.position(part, elapsed_s, leaving, there))
        return out


@dataclass(slots=True)
class _Follower:
    """Running statistics of one feature of one performer, and how much its control is the dancer's."""

    mean: float
    var: float
    count: float
    smooth: float
    weight: float  # 0 = neutral, 1 = the dancer's
    there: bool = False  # at the last tick
    out: float = 0.0  # the last position
    held: float = 0.0  # the position a return found, from which it fades
    returning_s: float = 0.0  # left of that fade
    old_mean: float = 0.0  # what the cross-fade of a new beginning comes from
    old_spread: float = 1.0
    fade_s: float = 0.0  # its length
    fading_s: float = 0.0  # what is left of it

    @classmethod
    def of(cls, rule: Rule) -> _Follower:
        return cls(rule.mean, rule.sd**2, _PRIOR_FRAMES, rule.mean, 0.0)

    def hear(self, x: float, limit: float, gain: float, *, teach: bool) -> None:
        """Take one value. Statistics by Welford's update with a capped count, which makes old frames fade."""
        x = limit if x > limit else -limit if x < -limit else x
        if teach:
            count = self.count + 1.0
            self.count = count = count if count < _MEMORY_FRAMES else _MEMORY_FRAMES
            delta = x - self.mean
            self.mean += delta / count
            self.var += (delta * (x - self.mean) - self.var) / count
        self.smooth += gain * (x - self.smooth)

    def position(self, part: _Part, elapsed_s: float, leaving: float, there: bool) -> float:
        """0..1: the squashed feature while it is there, on the way to neutral while it is not.

        After a return the position cross-fades in the time in which the rate limit could cross the whole range, so
        that the hand-over alone asks for one rate-limit step per tick at most.
        """
        mean, spread = self._scale(part)
        if self.fading_s:
            self.fading_s = max(0.0, self.fading_s - elapsed_s)
        squashed = 0.5 + 0.5 * math.tanh((self.smooth - mean) / spread)
        if there and not self.there and self.weight > 0.0:  # who comes for the first time has nothing to fade from
            self.held, self.returning_s = self.out, part.return_s
        self.weight += leaving * (there - self.weight)
        neutral = part.neutral
        self.there, self.out = there, neutral + self.weight * (squashed - neutral)
        if self.returning_s:
            self.returning_s = max(0.0, self.returning_s - elapsed_s)
            self.out += self.returning_s / part.return_s * (self.held - self.out)
        return self.out

    def renew(self, part: _Part, fade_s: float) -> None:
        """Statistics from the prior on; what they were fades out."""
        self.old_mean, self.old_spread = self._scale(part)
        self.fade_s = self.fading_s = max(0.0, fade_s)
        self.mean, self.var, self.count = part.rule.mean, part.rule.sd**2, _PRIOR_FRAMES

    def _scale(self, part: _Part) -> tuple[float, float]:
        """(mean, spread) that count now."""
        spread = _SPREAD * math.sqrt(part.least_var if part.least_var > self.var else self.var)
        if not self.fading_s:
            return self.mean, spread
        old = self.fading_s / self.fade_s
        return self.mean + old * (self.old_mean - self.mean), spread + old * (self.old_spread - spread)


@lru_cache(64)  # for the few numbers of slots that ever pass at once
def _gains(elapsed_s: float) -> tuple[tuple[float, ...], float]:
    """(of each rule's smoothing, of who leaves for neutral)"""
    return tuple(_gain(elapsed_s, rule.tau_s) for rule in RULES), _gain(elapsed_s, _ABSENT_TAU_S)


def _gain(elapsed_s: float, tau_s: float) -> float:
    """Share of the way a one-pole low-pass goes in `elapsed_s`."""
    return -math.expm1(-elapsed_s / tau_s) if tau_s > 0 else 1.0
