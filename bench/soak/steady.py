"""Row 1: nothing goes wrong for minutes on end, beside a program that takes a core."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bench.figures import Figure, Section
from bench.machine import load, machine
from bench.soak.program import Program, running
from bench.soak.receiver import Cadence, receiving
from bench.surroundings import hogs, moving_phone

PERIOD_MS: Final = 20.0
HOGS: Final = 1
SAMPLE_S: Final = 2.0
SETTLE_S: Final = 5.0  # past the start
WARM_UP: Final = 0.2  # of the run, no more than two minutes
AT, RESIDENT, DESCRIPTORS, THREADS = range(4)  # columns of the holdings: s, bytes, count, count
Holdings = NDArray[np.float64]
Metrics = Mapping[str, float]

MEAN_OFF_PERCENT: Final = 0.1
SPREAD: Final = 0.05  # of the mean
LONGEST_MS: Final = 2 * PERIOD_MS
DRIFT_MS: Final = 1.0
SKIPPED_PERCENT: Final = 0.1
MIB_PER_HOUR: Final = 2.0


def steady(minutes: float) -> list[Section]:
    """Two services play `minutes` of real time beside each other, one of them with real-time priority."""
    before = load()
    with hogs(HOGS), ThreadPoolExecutor() as side_by_side:
        runs = {first: side_by_side.submit(_run, 60.0 * minutes, first) for first in (False, True)}
    return [_section(minutes, first, before, run.result()) for first, run in runs.items()]


def _run(seconds: float, first: bool) -> list[Figure]:
    with receiving() as arrivals, running(arrivals.port, first=first) as program, moving_phone(program.phone_port):
        time.sleep(SETTLE_S)
        begin_ns = time.time_ns()
        begun = program.metrics()
        holdings = _watch(program, seconds)
        ended = program.metrics()
        end_ns = time.time_ns()
    ticks, skipped = (ended[name] - begun[name] for name in ("choreo_ticks_total", "choreo_ticks_skipped_total"))
    stamps = arrivals.between(begin_ns, end_ns)
    return [*_cadence(stamps), *_lateness(ended, skipped, ticks + skipped), *_held(holdings)]


def _section(minutes: float, first: bool, before: str, figures: Sequence[Figure]) -> Section:
    return Section(
        f"{minutes:g} minutes beside a loaded core, {'real-time' if first else 'ordinary'} priority",
        "`choreo record` with a phone at 100 Hz and one OSC bundle a tick, received by another process and stamped by "
        "its kernel; a program that only computes takes a core. Both priorities ran at the same time.",
        f"make soak ONLY=steady MINUTES={minutes:g}",
        machine(),
        before,
        tuple(figures),
    )


def _watch(program: Program, seconds: float) -> Holdings:
    """Readings after the warm-up, [n, 4]."""
    began = time.monotonic()
    warm_s = min(WARM_UP * seconds, 120.0)
    rows = []
    while (now_s := time.monotonic() - began) < seconds:
        if now_s >= warm_s:
            held = program.holdings()
            rows.append((now_s, held.resident, held.descriptors, held.threads))
        time.sleep(SAMPLE_S)
    return np.array(rows, dtype=np.float64)


def _cadence(stamps_ns: NDArray[np.int64]) -> list[Figure]:
    found = Cadence.of(stamps_ns)
    return [
        Figure(1, "intervals between bundles at the receiver", found.count),
        Figure(1, "their mean, off 20 ms by", abs(found.mean / PERIOD_MS - 1) * 100, "%", at_most=MEAN_OFF_PERCENT),
        Figure(1, "their standard deviation, of the mean", found.sd / found.mean, at_most=SPREAD),
        Figure(1, "the longest", found.longest, "ms", at_most=LONGEST_MS),
        Figure(1, "drift of the arrivals, first to last tenth", abs(_drift_ms(stamps_ns)), "ms", at_most=DRIFT_MS),
    ]


def _drift_ms(stamps_ns: NDArray[np.int64]) -> float:
    """How far the place of the arrivals in the grid of PERIOD_MS has moved; medians, so that late ones don't count."""
    places = (stamps_ns - stamps_ns[0]) / 1e6 + PERIOD_MS / 2
    tenth = len(places) // 10
    early, late = (float(np.median(part % PERIOD_MS)) for part in (places[:tenth], places[-tenth:]))
    return late - early


def _lateness(metrics: Metrics, skipped: float, slots: float) -> list[Figure]:
    late_ms = {q: 1e3 * metrics[f'choreo_tick_lateness_seconds{{quantile="{q}"}}'] for q in ("0.5", "0.99", "1")}
    return [
        Figure(1, "tick late, median", late_ms["0.5"], "ms"),
        Figure(1, "tick late, p99", late_ms["0.99"], "ms"),
        Figure(1, "tick late, worst", late_ms["1"], "ms"),
        Figure(1, "slots", slots),
        Figure(1, "slots skipped", 100 * skipped / slots, "%", at_most=SKIPPED_PERCENT),
    ]


def _held(holdings: Holdings) -> list[Figure]:
    half = len(holdings) // 2
    rise = holdings[half : 2 * half] - holdings[:half]
    per_hour = float(np.median(rise[:, RESIDENT] / rise[:, AT])) * 3600 / 2**20  # after Theil and Sen
    most = [holdings[:half].max(axis=0), holdings[half:].max(axis=0)]
    return [
        Figure(1, "resident memory grows by", per_hour, "MiB/h", at_most=MIB_PER_HOUR),
        Figure(1, "resident memory at the end", float(holdings[-1, RESIDENT]) / 2**20, "MiB"),
        *(
            Figure(1, f"most {name} at a time in the second half", float(most[1][at]), at_most=float(most[0][at]))
            for name, at in (("descriptors", DESCRIPTORS), ("threads", THREADS))
        ),
    ]
