"""The time constant of a real heart: HR' = (resting + gain * effort(t - dead) - HR) / tau, fitted to a recording.

The fit compares whole simulated tracks with the measured one. A regression on HR' would fit the rounding of the strap:
one bpm a second is more than most hearts move.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from choreo_pipelines.bodies.pace import Array, Bout, Pace
from choreo_pipelines.generator.settings import TAU_PRESETS_S

TAUS_S: Final = np.geomspace(1.0, 180.0, 80)  # steps of 7 %
DEAD_TIMES_S: Final = np.arange(31)
MIN_SECONDS: Final = 180
MIN_R2: Final = 0.2  # below, the effort does not explain this heart, whatever the time constant
MIN_VARIATION: Final = 0.05  # standard deviation of the effort over its mean
MAX_RATIO: Final = 4.0  # between the ends of the interval; a wider one holds several presets
BLOCKS: Final = 20
REPLICATES: Final = 400


@dataclass(frozen=True, slots=True)
class HeartFit:
    """What a recording says of its heart. Where `reason` is not empty it says nothing about tau."""

    effort: str
    seconds: int
    reason: str = ""
    tau_s: float = float("nan")
    low_s: float = float("nan")  # 95 % interval of tau, blocked bootstrap
    high_s: float = float("nan")
    dead_s: float = float("nan")
    resting_bpm: float = float("nan")
    gain: float = float("nan")  # bpm per unit of effort
    r2: float = float("nan")  # of the heart rate itself
    r2_default: float = float("nan")  # with M0's default time constant, the rest fitted

    @property
    def identifiable(self) -> bool:
        return not self.reason

    @property
    def covering(self) -> tuple[float, ...]:
        """M0's presets inside the interval."""
        return tuple(tau for tau in TAU_PRESETS_S if self.low_s <= tau <= self.high_s)

    def text(self) -> str:
        """One line or three for people."""
        heading = f"{self.effort:<14}{self.seconds / 60:.1f} min"
        if not self.identifiable:
            return f"{heading}: tau is not identifiable: {self.reason}"
        return (
            f"{heading}: tau {self.tau_s:.0f} s (95 % {self.low_s:.0f}-{self.high_s:.0f} s), "
            f"dead time {self.dead_s:.0f} s, R2 {self.r2:.2f}\n"
            f"{'':14}{self.resting_bpm:.0f} bpm without effort, {self.gain:.3g} bpm per unit of it\n"
            f"{'':14}presets inside the interval: {self._presets()}; "
            f"R2 with the default of {TAU_PRESETS_S[0]:g} s: {self.r2_default:.2f}"
        )

    def _presets(self) -> str:
        if self.covering:
            return " and ".join(f"{tau:g} s" for tau in self.covering)
        around = [f"{tau:g}" for tau in (*_below(self.tau_s)[-1:], *_above(self.tau_s)[:1])]
        return f"none; the nearest are {' and '.join(around)} s"


def fit_heart_rate(pace: Pace, *, seed: int = 0) -> HeartFit:
    """Least squares over TAUS_S x DEAD_TIMES_S, rest and gain > 0 solved in each; every bout starts at its own rate.

    The interval resamples BLOCKS equal stretches of the track REPLICATES times: neighbouring errors of a heart are no
    independent evidence. On 120 simulated hearts with noise of 5..60 s memory it held the truth 111 times. It knows
    nothing of what the model lacks: hills, heat, drift and excitement.
    """
    if reason := _unfit(pace):
        return HeartFit(pace.effort, pace.seconds, reason)
    sums = _block_sums(pace.bouts)
    whole = _solve(sums.sum(axis=1))
    if not np.isfinite(whole.error).any():
        return HeartFit(pace.effort, pace.seconds, "the heart rate does not rise with the effort")
    best = np.unravel_index(int(np.argmin(whole.error)), whole.error.shape)
    variance = _variance(pace.bouts)
    low_s, high_s = _interval(sums, seed)
    default = int(np.argmin(np.abs(TAUS_S - TAU_PRESETS_S[0])))
    tau_s, r2 = float(TAUS_S[best[0]]), 1.0 - float(whole.error[best]) / variance
    return HeartFit(
        effort=pace.effort,
        seconds=pace.seconds,
        reason=_doubt(r2, tau_s, low_s, high_s),
        tau_s=tau_s,
        low_s=low_s,
        high_s=high_s,
        dead_s=float(DEAD_TIMES_S[best[1]]),
        resting_bpm=float(whole.resting[best]),
        gain=float(whole.gain[best]),
        r2=r2,
        r2_default=1.0 - float(whole.error[default].min()) / variance,
    )


def _unfit(pace: Pace) -> str:
    """Why no fit can be tried, "" when it can."""
    if pace.seconds < MIN_SECONDS:
        return f"{pace.seconds} s without pauses; {MIN_SECONDS} s are needed"
    effort = np.concatenate([bout.effort for bout in pace.bouts])
    if effort.std() <= MIN_VARIATION * abs(effort.mean()):
        return "the effort hardly changes, so any time constant explains it"
    if _variance(pace.bouts) == 0:
        return "the heart rate never changes"
    return ""


def _doubt(r2: float, tau_s: float, low_s: float, high_s: float) -> str:
    """Why a fit says nothing about tau, "" when it does."""
    if r2 < MIN_R2:
        return f"the effort explains R2 {r2:.2f} of the heart rate; {MIN_R2:g} is needed"
    if high_s / low_s > MAX_RATIO:
        return f"anything from {low_s:.0f} to {high_s:.0f} s explains it as well as {tau_s:.0f} s"
    if low_s <= TAUS_S[0] or high_s >= TAUS_S[-1]:
        return f"the best time constants lie at the edge of {TAUS_S[0]:g}..{TAUS_S[-1]:g} s"
    return ""


class _Solution(NamedTuple):
    """Per tau and dead time, each [..., taus, deads]; `error` is infinite where the gain would not be positive."""

    error: Array  # sum of squares, bpm^2
    resting: Array
    gain: Array


def _block_sums(bouts: tuple[Bout, ...]) -> Array:
    """[6, blocks, taus, deads]: the products of the normal equations, summed over stretches of equal length.

    With a = exp(-t / tau) and z the low-passed effort, HR - HR[0] a = resting (1 - a) + gain z.
    """
    block_s = max(1, sum(len(bout.hr) for bout in bouts) // BLOCKS)
    sums = []
    for bout in bouts:
        start = 0
        for driven in _low_passed(bout.effort, block_s):
            rows = np.arange(start, start + len(driven))
            rise = -np.expm1(-rows[:, None, None] / TAUS_S[:, None])  # [n, taus, 1]
            away = bout.hr[rows, None, None] - bout.hr[0] * (1.0 - rise)
            products = ((rise, rise), (rise, driven), (driven, driven), (rise, away), (driven, away), (away, away))
            sums.append([np.broadcast_to((a * b).sum(axis=0), driven.shape[1:]) for a, b in products])
            start += len(driven)
    return np.array(sums).swapaxes(0, 1)


def _low_passed(effort: Array, block_s: int) -> Iterator[Array]:
    """[block_s, taus, deads] at a time: the effort, each dead time late, behind each time constant; 0 at the start.

    The effort is its mean over the second before a sample and constant in it, so that the recursion is exact.
    """
    late = np.maximum(np.arange(len(effort))[:, None] - DEAD_TIMES_S, 0)
    delayed = effort[late]  # [n, deads]; before the recording it was as in its first second
    gain = -np.expm1(-1.0 / TAUS_S)[:, None]
    now = np.zeros((len(TAUS_S), len(DEAD_TIMES_S)))
    for start in range(0, len(effort), block_s):
        out = []
        for i in range(start, min(start + block_s, len(effort))):
            now = now + gain * (delayed[i] - now) if i else now  # the first sample is where it starts
            out.append(now)
        yield np.array(out)


def _solve(sums: Array) -> _Solution:
    """The two unknowns of every cell in closed form; `sums` is [6, ..., taus, deads]."""
    uu, uz, zz, uy, zy, yy = sums
    determinant = uu * zz - uz * uz
    solvable = determinant > 1e-9 * uu * zz
    divisor = np.where(solvable, determinant, 1.0)
    resting, gain = (zz * uy - uz * zy) / divisor, (uu * zy - uz * uy) / divisor
    error = np.where(solvable & (gain > 0), yy - resting * uy - gain * zy, np.inf)
    return _Solution(error, resting, gain)


def _interval(sums: Array, seed: int) -> tuple[float, float]:
    """2.5 % and 97.5 % quantile of tau over resampled blocks, half a step of the grid wider on each side."""
    blocks = sums.shape[1]
    rng = np.random.default_rng(seed)
    taus: list[float] = []
    for _ in range(REPLICATES):
        times = np.bincount(rng.integers(blocks, size=blocks), minlength=blocks).astype(np.float64)
        error = _solve(np.tensordot(sums, times, axes=([1], [0]))).error
        if np.isfinite(error).any():
            taus.append(float(TAUS_S[int(np.argmin(error)) // error.shape[1]]))
    low_s, high_s = np.quantile(taus, (0.025, 0.975)).tolist() if taus else (TAUS_S[0], TAUS_S[-1])
    half_step = float(np.sqrt(TAUS_S[1] / TAUS_S[0]))
    return float(low_s) / half_step, float(high_s) * half_step


def _below(tau_s: float) -> list[float]:
    return [tau for tau in TAU_PRESETS_S if tau < tau_s]


def _above(tau_s: float) -> list[float]:
    return [tau for tau in TAU_PRESETS_S if tau >= tau_s]


def _variance(bouts: tuple[Bout, ...]) -> float:
    """Sum of squares of the heart rate around its mean."""
    hr: NDArray[np.float64] = np.concatenate([bout.hr for bout in bouts])
    return float(np.square(hr - hr.mean()).sum())
