"""Counters and distributions of a running service. No I/O: whoever wants to show or send them reads a snapshot."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np

from choreo_service.absences import ANYTHING, Absences
from choreo_service.clock import MS, NS
from choreo_service.lag import Lag
from choreo_service.packets import CONTROL_NAMES, MODALITIES, MODALITY_NAMES, Frame, ModalityState, Step
from choreo_service.sources import Sources
from choreo_service.ticker import Tick

_BINS_PER_OCTAVE: Final = 8  # 9 % resolution
_SMALLEST_NS: Final = 1_000


class Histogram:
    """Durations in log-spaced bins: constant memory for hours, percentiles within 9 %."""

    def __init__(self) -> None:
        self._bins: Counter[int] = Counter()
        self.count = 0
        self.max_ns = 0

    def add(self, ns: int) -> None:
        self._bins[math.ceil(_BINS_PER_OCTAVE * math.log2(ns / _SMALLEST_NS)) if ns > _SMALLEST_NS else 0] += 1
        self.count += 1
        if ns > self.max_ns:
            self.max_ns = ns

    def percentile_ms(self, percent: float) -> float:
        """Upper edge of the bin that holds the percentile, never above the maximum; 0 when empty."""
        left = self.count * percent / 100.0
        for index in sorted(self._bins):
            left -= self._bins[index]
            if left <= 0:
                edge_ns: float = _SMALLEST_NS * 2.0 ** (index / _BINS_PER_OCTAVE)
                return min(float(self.max_ns), edge_ns) / MS
        return 0.0

    def text(self) -> str:
        p50, p99 = self.percentile_ms(50), self.percentile_ms(99)
        return f"p50 {p50:.2f} / p99 {p99:.2f} / max {self.max_ns / MS:.2f} ms"


class Telemetry:
    """What happened tick by tick, for the summary lines, the dashboard and the tests."""

    def __init__(self, *, period_ns: int, performers: int, sources: Sources | None = None) -> None:
        """`sources` is None where nothing comes in by an ingress, as in a replay."""
        self._period_ns = period_ns
        self.sources = sources
        self.absences = Absences(performers)
        self.lag = Lag(period_ns)
        self.ticks = 0
        self.skipped = 0
        self.held = 0  # ticks in which the last valid output was repeated
        self.first_due_ns = 0
        self.last_due_ns = 0
        self.lateness = Histogram()
        self.work = Histogram()
        self.mappers: Counter[str] = Counter()
        self.parts: dict[str, Callable[[], Mapping[str, Any]]] = {}  # name -> facts of another part, for the snapshot
        self._frame: Frame | None = None
        self._states = b""  # of the last tick
        self._present = np.zeros((performers, len(MODALITIES)), dtype=np.int64)  # ticks in which it was live or held,
        self._lasting = 0  # without the last ones, in which nothing has changed
        self._lowest = np.full((performers, len(CONTROL_NAMES)), np.float32(np.inf))  # reached; NaN would stay visible
        self._highest = -self._lowest

    def observe(self, tick: Tick, step: Step, work_ns: int, *, live: bool = True) -> None:
        """Called once per tick, after its work. A replay is not `live`: nobody waited for it, so nothing was late."""
        # Of the grid's first slot, which a busy start may have skipped.
        self.first_due_ns = self.first_due_ns or tick.due_ns - (tick.dk - 1) * self._period_ns
        self.last_due_ns = tick.due_ns
        self.ticks += 1
        self.skipped += tick.dk - 1
        self.held += step.held
        self.mappers[step.mapper] += 1
        if live:
            self.lateness.add(tick.late_ns)
            self.lag.observe(tick)
        self.work.add(work_ns)
        states = step.frame.state.tobytes()
        if self._frame is not None and states != self._states:
            self._present += self._lasting * self._frame.present
            self._lasting = 0
        self._states = states
        self._frame = step.frame
        self._lasting += 1
        self.absences.observe(step.frame)
        np.minimum(self._lowest, step.controls, out=self._lowest)
        np.maximum(self._highest, step.controls, out=self._highest)

    @property
    def states(self) -> list[dict[str, str]]:
        """Per performer: modality -> "live", "held", "missing" or "recovering" at the last tick."""
        if self._frame is None:
            return [dict.fromkeys(MODALITIES, "missing") for _ in self._present]
        return [
            {name: ModalityState(state).name.lower() for name, state in zip(MODALITIES, row, strict=True)}
            for row in self._frame.state.tolist()
        ]

    @property
    def ages_s(self) -> list[dict[str, float | None]]:
        """Per performer: modality -> s since its last valid sample at the last tick, None if there never was one."""
        if self._frame is None:
            return [dict.fromkeys(MODALITIES) for _ in self._present]
        rows = self._frame.age_s.tolist()
        return [{m: _finite(age) for m, age in zip(MODALITIES, row, strict=True)} for row in rows]

    def coverage(self, performer: int, modality: str) -> float:
        """Share of ticks in which the modality was live or held, 0..1."""
        if self._frame is None:
            return 0.0
        at = performer, MODALITY_NAMES.index(modality)
        return float(self._present[at] + self._lasting * self._frame.present[at]) / self.ticks

    @property
    def hz(self) -> float:
        """Ticks per second really played."""
        span_ns = self.last_due_ns - self.first_due_ns
        return (self.ticks - 1) * NS / span_ns if span_ns > 0 else 0.0

    def snapshot(self) -> Mapping[str, Any]:
        """JSON types only."""
        return {
            "ticks": self.ticks,
            "skipped": self.skipped,
            "held": self.held,
            "health": "lagging" if self.lag.since_ns else "on time",
            "skipped_share": round(self.lag.share, 3),  # of the last ten seconds
            "hz": self.hz,
            "lateness_ms": {p: self.lateness.percentile_ms(p) for p in (50, 99)},
            "work_ms": {p: self.work.percentile_ms(p) for p in (50, 99)},
            "mappers": dict(self.mappers),
            "states": self.states,
            "ages_s": self.ages_s,
            "absences": self.absences.counts(self.last_due_ns),
            "sources": {} if self.sources is None else self.sources.facts(self.last_due_ns),
            **{name: dict(facts()) for name, facts in self.parts.items()},
            "coverage": [{m: self.coverage(b, m) for m in MODALITIES} for b in range(len(self._present))],
        }

    def text(self) -> str:
        """The closing summary, a few lines for people."""
        lines = [
            f"ticks     {self.ticks} at {self.hz:.2f} Hz (grid {NS / self._period_ns:.2f} Hz), "
            f"{self.skipped} skipped, {self.held} held",
            f"lateness  {self.lateness.text()}" if self.lateness.count else "",
            f"work      {self.work.text()}",
            f"mapper    {', '.join(f'{name} {n}' for name, n in self.mappers.most_common()) or '-'}",
        ]
        if self.ticks:
            spans = zip(CONTROL_NAMES, self._lowest.min(axis=0), self._highest.max(axis=0), strict=True)
            lines.append("positions " + "  ".join(f"{name} {lo:.2f}..{hi:.2f}" for name, lo, hi in spans))
        for performer in range(len(self._present)):
            shares = "  ".join(f"{m} {100 * self.coverage(performer, m):.1f} %" for m in MODALITIES)
            lines.append(f"present   {self._whose(performer)}{shares}")
        for performer, gone in enumerate(self.absences.counts(self.last_due_ns)):
            told = ", ".join(_absence(name, facts) for name, facts in gone.items())
            lines.append(f"lost      {self._whose(performer)}{told}" if told else "")
        if self.sources is not None:
            lines += [f"source    {line}" for line in self.sources.text() or ["no sample arrived"]]
        return "\n".join(filter(None, lines))

    def _whose(self, performer: int) -> str:
        return "" if len(self._present) == 1 else f"performer {performer}: "


def _absence(name: str, facts: Mapping[str, Any]) -> str:
    what = "all of it, resting at neutral" if name == ANYTHING else name
    return f"{what} {facts['lost']} times for {facts['gone_s']:.1f} s in all"


def _finite(value: float) -> float | None:
    return round(value, 3) if math.isfinite(value) else None
