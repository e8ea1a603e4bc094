"""A dancer whose beats are known, transports to lead, and how well they follow: the bench of the tempo policies.

`python tests/simulated_dancer.py` prints the table.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from choreo_service.clock import MS, NS
from choreo_service.transport import Leading, Transport

Times = NDArray[np.float64]
Steps = Sequence[tuple[float, float]]

TICK_NS: Final = 20 * MS
STEPS: Final = ((0.0, 110.0), (60.0, 121.0), (120.0, 104.0))  # (from s, bpm)
LATENCY_MS: Final = 50.0
SETTLE_S: Final = 10.0  # after a step of tempo, before the figures count
HOME_BPM: Final = 110.0
TOLERANCE_S: Final = 0.08  # together: our beat lies this near the dancer's for three seconds
TEMPO_TOLERANCE: Final = 0.045  # right: the tempo, bend included, lies this near the dancer's for two seconds


class Follower(Protocol):
    """What the bench leads."""

    def beat(self, t_ns: int) -> None: ...

    def at(self, t_ns: int) -> tuple[float, float]:
        """(beats mod 4, bpm)"""
        ...


@dataclass(frozen=True, slots=True)
class Followed:
    """How a follower did."""

    tempo_rms: float  # part of the true tempo
    beat_jitter: float  # sd of our beat spacing, part of the true spacing
    asynchrony_ms: float  # mean, positive: we are late
    asynchrony_sd_ms: float
    retempo_s: tuple[float, ...]  # per step, until the tempo is and stays right
    relock_s: tuple[float, ...]  # per step, until the beats are and stay together
    largest_jump: float  # of the tempo in one tick, part of it
    backward: bool  # whether the phase ever ran back or stepped half a beat


def dance(
    seed: int,
    seconds: float = 180.0,
    *,
    steps: Steps = STEPS,
    jitter: float = 0.03,
    missed: float = 0.08,
    extra: float = 0.04,
) -> tuple[Times, Times]:
    """(true beats, marked beats) in s: jitter sd as part of the beat, some missed, some marked on the off-beat."""
    rng = random.Random(seed)
    t, true, marked = 1.0, [], []
    while t < seconds:
        beat_s = 60.0 / tempo_at(t, steps)
        true.append(t)
        if rng.random() >= missed:
            marked.append(t + rng.gauss(0.0, jitter * beat_s))
        if rng.random() < extra:
            marked.append(t + beat_s / 2 + rng.gauss(0.0, jitter * beat_s))
        t += beat_s
    return np.array(true), np.sort(np.array(marked))


def tempo_at(t_s: float, steps: Steps) -> float:
    return [bpm for start_s, bpm in steps if start_s <= t_s][-1]


def follow(
    follower: Follower, marked: Times, seconds: float, latency_ms: float = LATENCY_MS
) -> tuple[Times, Times, Times]:
    """Play the marked beats to a follower tick by tick: (time s, beats in total, bpm) per tick."""
    times, beats, bpms, coming = [], [], [], 0
    for k in range(1, round(seconds * NS / TICK_NS)):
        t_ns = k * TICK_NS
        while coming < len(marked) and marked[coming] * NS + latency_ms * MS <= t_ns:
            follower.beat(round(marked[coming] * NS + latency_ms * MS))
            coming += 1
        position, bpm = follower.at(t_ns)
        times.append(t_ns / NS)
        beats.append(position)
        bpms.append(bpm)
    steps = np.diff(beats, prepend=beats[0])
    return np.array(times), np.cumsum((steps + 2.0) % 4.0 - 2.0), np.array(bpms)


def measure(make: Callable[[], Follower], seed: int, seconds: float = 180.0, **how: float) -> Followed:
    """One dance, followed."""
    latency_ms = how.pop("latency_ms", LATENCY_MS)
    true, marked = dance(seed, seconds, **how)  # type: ignore[arg-type]
    follower = make()
    first = follower.at(TICK_NS)[0]
    times, beats, bpms = follow(follower, marked, seconds, latency_ms)
    beats = beats + first
    tempo = np.array([tempo_at(t, STEPS) for t in times])
    steady = _settled(times)
    ours = np.interp(np.arange(math.ceil(beats[0]), math.floor(beats[-1])), np.maximum.accumulate(beats), times)
    late = np.array([t - true[np.argmin(np.abs(true - t))] for t in ours])
    spacing = np.diff(ours) * np.array([tempo_at(t, STEPS) for t in ours[1:]]) / 60.0
    change = np.diff(beats)
    return Followed(
        tempo_rms=float(np.sqrt(np.mean(((bpms - tempo) / tempo)[steady] ** 2))),
        beat_jitter=float(np.std(spacing[_settled(ours[1:])])),
        asynchrony_ms=1e3 * float(np.mean(late[_settled(ours)])),
        asynchrony_sd_ms=1e3 * float(np.std(late[_settled(ours)])),
        retempo_s=tuple(_right_after(times, bpms, start, bpm) for start, bpm in STEPS[1:] if start < seconds),
        relock_s=tuple(_locked_after(ours, late, start) for start, _ in STEPS[1:] if start < seconds),
        largest_jump=float(np.max(np.abs(np.diff(bpms)) / bpms[1:])),
        backward=bool(change.min() < 0.0 or change.max() > 0.4),
    )


def _settled(times: Times) -> NDArray[np.bool_]:
    return np.all([(times < start) | (times >= start + SETTLE_S) for start, _ in STEPS], axis=0)


def _locked_after(ours: Times, late: Times, start_s: float) -> float:
    for t in ours[ours >= start_s]:
        if np.all(np.abs(late[(ours >= t) & (ours < t + 3.0)]) < TOLERANCE_S):
            return float(t - start_s)
    return math.inf


def _right_after(times: Times, bpms: Times, start_s: float, bpm: float) -> float:
    off = np.abs(bpms / bpm - 1.0)
    for t in times[times >= start_s]:
        if np.all(off[(times >= t) & (times < t + 2.0)] < TEMPO_TOLERANCE):
            return float(t - start_s)
    return math.inf


class Ours:
    """The transport, led by the body."""

    def __init__(self, latency_ms: float = LATENCY_MS, leader: str = "body") -> None:
        self._transport = Transport(HOME_BPM, Leading(leader, body_latency_ms=latency_ms))

    def beat(self, t_ns: int) -> None:
        self._transport.body_beat(t_ns)

    def at(self, t_ns: int) -> tuple[float, float]:
        tempo = self._transport.at(t_ns)
        return tempo.beats, tempo.bpm


class Naive:
    """The first thing one writes: bpm is 60 over the last interval, and every beat is beat zero."""

    def __init__(self) -> None:
        self._beats, self._bpm, self._at_ns, self._last_ns = 0.0, HOME_BPM, TICK_NS, 0

    def beat(self, t_ns: int) -> None:
        t_ns -= round(LATENCY_MS * MS)
        if self._last_ns and t_ns - self._last_ns > 0.15 * NS:
            self._bpm = 60.0 * NS / (t_ns - self._last_ns)
        self._last_ns = t_ns
        self._beats, self._at_ns = float(round(self.at(t_ns)[0])), t_ns

    def at(self, t_ns: int) -> tuple[float, float]:
        return (self._beats + (t_ns - self._at_ns) / NS * self._bpm / 60.0) % 4.0, self._bpm


class IntervalMean(Naive):
    """The second: a running mean of the intervals, and no phase at all, so that it wanders."""

    def beat(self, t_ns: int) -> None:
        if self._last_ns and 0.7 < (t_ns - self._last_ns) / NS * self._bpm / 60.0 < 1.3:
            beats, _ = self.at(t_ns)
            self._bpm += 0.3 * (60.0 * NS / (t_ns - self._last_ns) - self._bpm)
            self._beats, self._at_ns = beats, t_ns
        self._last_ns = t_ns


class EventLoop(Naive):
    """The third: a phase-locked loop on events that lie near a beat, without any eye for the intervals."""

    def beat(self, t_ns: int) -> None:
        t_ns -= round(LATENCY_MS * MS)
        beats, bpm = self.at(t_ns)
        error = beats - round(beats)
        if abs(error) < 0.3:
            self._beats, self._at_ns = beats - 0.3 * error, t_ns
            self._bpm = bpm * (1.0 - 0.1 * error)


SCHEMES: Final[dict[str, Callable[[], Follower]]] = {
    "last interval, phase reset": Naive,
    "interval mean, no phase": IntervalMean,
    "phase loop on gated events": EventLoop,
    "transport, leader body": Ours,
    "transport, leader shared": lambda: Ours(leader="shared"),
    "transport, latency unknown": lambda: Ours(latency_ms=0.0),
}


def table(seeds: int = 8) -> str:
    """The schemes beside each other, means over seeds."""
    lines = [
        "scheme                      tempo rms  beat jitter   asynchrony   tempo again    beats again  largest jump"
    ]
    for name, make in SCHEMES.items():
        runs = [measure(make, seed) for seed in range(seeds)]
        mean = {f: float(np.mean([getattr(r, f) for r in runs])) for f in ("tempo_rms", "beat_jitter", "largest_jump")}
        late, spread = (float(np.mean([getattr(r, f) for r in runs])) for f in ("asynchrony_ms", "asynchrony_sd_ms"))
        tempo, lock = (_span([s for r in runs for s in getattr(r, f)]) for f in ("retempo_s", "relock_s"))
        lines.append(
            f"{name:27} {mean['tempo_rms']:8.1%} {mean['beat_jitter']:11.1%}  {late:+5.0f} ±{spread:.0f} ms  "
            f"{tempo:>12} {lock:>14} {mean['largest_jump']:9.1%} a tick"
        )
    return "\n".join(lines)


def _span(seconds: Sequence[float]) -> str:
    found = sorted(s for s in seconds if math.isfinite(s))
    if len(found) < len(seconds) / 2:
        return "never"
    return f"{found[0]:.1f}-{found[-1]:.1f} s" + ("" if len(found) == len(seconds) else " or never")


if __name__ == "__main__":
    print(table())
