"""A phone's own stamps on our clock: the table of the simulated phone, steps, bursts, hostile and coarse stamps."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from choreo_adapters.osc.device_clock import COARSE_SAMPLES, STEP_SAMPLES, WINDOW, DeviceClock

MS = 1_000_000
S = 1_000 * MS


def _phone(seconds: int, seed: int = 1, *, step_at_s: int = 10**9, step_ms: int = 0) -> np.ndarray:
    """[n, 3] ns: when measured, the phone's stamp, when it arrived. 100 Hz, 60 ppm fast, 4 ms + exp(1.5 ms), bursts."""
    rng, rows, blocked_until = random.Random(seed), [], 0.0
    for i in range(seconds * 100):
        true = 100 * S + i * 10 * MS
        if rng.random() < 0.01 / 5:
            blocked_until = true + rng.uniform(30, 150) * MS
        arrival = max(true + (4 + rng.expovariate(1 / 1.5)) * MS, blocked_until)
        stamp = (true - 100 * S) * (1 + 60e-6) + 7 * S + (step_ms * MS if i >= step_at_s * 100 else 0)
        rows.append((true, stamp, arrival))
    table = np.array(rows).astype(np.int64)
    table[:, 2] = np.maximum.accumulate(table[:, 2])
    return table


def test_stamps_beat_arrival_a_hundred_times() -> None:
    table, clock = _phone(300), DeviceClock()
    mapped = np.array([clock.local(int(stamp), int(arrival)) for _, stamp, arrival in table])
    errors = [(times - table[:, 0])[WINDOW * 100 :] / 1e6 for times in (mapped, table[:, 2])]
    by_stamp, by_arrival = (np.abs(e - np.median(e)) for e in errors)  # the constant delay can't be seen
    (p50, p99), worst = np.percentile(by_stamp, (50, 99)), np.percentile(by_arrival, 99)
    print(f"by stamp p50 {p50:.3f} p99 {p99:.3f} max {by_stamp.max():.3f} ms; by arrival p99 {worst:.0f} ms")
    assert p99 < worst / 100
    assert clock.resets == 0


@pytest.mark.parametrize(("step_ms", "resets"), [(350, 0), (-350, 1), (3_600_000, 0), (-3_600_000, 1)])
def test_a_phone_whose_clock_is_set_is_followed(step_ms: int, resets: int) -> None:
    table, clock = _phone(120, step_at_s=60, step_ms=step_ms), DeviceClock()
    mapped = np.array([clock.local(int(stamp), int(arrival)) for _, stamp, arrival in table])
    late = (table[:, 2] - mapped)[(60 * 100) + STEP_SAMPLES :] / 1e6
    assert clock.resets == resets
    assert late.min() >= 0.0
    assert np.percentile(late, 90) < 20.0  # the network's own delay, not the step


def test_a_burst_after_a_gap_keeps_the_rhythm_it_was_measured_in() -> None:
    clock = DeviceClock()
    for i in range(100):
        clock.local(i * 10 * MS, S + i * 10 * MS + 4 * MS)
    mapped = [clock.local((100 + i) * 10 * MS, 2 * S + 300 * MS + i) for i in range(30)]  # all at once
    assert np.diff(mapped).tolist() == [10 * MS] * 29
    assert clock.resets == 0


def test_stamps_that_stand_still_are_not_used() -> None:
    clock = DeviceClock()
    arrivals = [S + i * 10 * MS for i in range(300)]
    mapped = [clock.local(i // 100 * S, arrival) for i, arrival in enumerate(arrivals)]  # whole seconds
    assert clock.coarse
    assert mapped[5 + COARSE_SAMPLES :] == arrivals[5 + COARSE_SAMPLES :]


def test_three_streams_of_one_moment_in_a_slow_network_are_no_coarse_clock() -> None:
    clock = DeviceClock()
    for i in range(100):
        for stream in range(3):
            clock.local(i * 10 * MS, S + i * 10 * MS + (60 * MS if i % 20 == 0 and stream == 2 else 0))
    assert not clock.coarse


@settings(max_examples=300)
@given(
    st.lists(
        st.tuples(st.integers(-(1 << 62), 1 << 62), st.integers(0, 20 * S)) | st.tuples(st.just(5), st.just(MS)),
        max_size=120,
    )
)
def test_whatever_the_stamps_say_time_never_goes_back_and_never_passes_the_arrival(
    rows: list[tuple[int, int]],
) -> None:
    clock, arrival, last = DeviceClock(), S, -(1 << 63)
    for stamp, waited in rows:
        arrival += waited
        mapped = clock.local(stamp, arrival)
        assert last <= mapped <= arrival
        last = mapped
