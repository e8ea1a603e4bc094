"""Dancer or clock: the swapped body decides."""

import numpy as np
import pytest
from metrics_takes import HZ, Take, take

from choreo_pipelines.metrics import Outcome, Reading, Separation, read_density, separation
from choreo_pipelines.metrics.controls import clock_only, constant

SEEDS = (0, 1, 2)


def mapper(body: Take, beat: Take, share_of_clock: float) -> np.ndarray:
    """A density made of a body and, to some share, of the clock."""
    return (1 - share_of_clock) * body.density + share_of_clock * clock_only(beat.position)


def judged(seed: int, share_of_clock: float) -> tuple[Reading, Separation]:
    own, other = take(seed, bpm=110), take(seed + 10, bpm=123)
    take_, swapped, clock = (
        read_density(own.motion_energy, density, own.position, HZ)
        for density in (
            mapper(own, own, share_of_clock),
            mapper(other, own, share_of_clock),
            clock_only(own.position),
        )
    )
    return take_, separation(take_, swapped, clock)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_mapper_that_listens_to_the_body_passes(seed: int) -> None:
    reading, got = judged(seed, 0.0)
    assert got.verdict.passed, got.verdict.reason
    assert got.c0 == reading.phase.c0
    assert abs(got.c0_swapped) < 0.2
    assert got.bar_r > 0.95
    assert abs(got.bar_r_clock) < 0.25


@pytest.mark.parametrize("seed", SEEDS)
def test_a_mapper_driven_by_the_clock_fails_though_its_own_coherence_is_splendid(seed: int) -> None:
    reading, got = judged(seed, 0.6)
    assert reading.phase.verdict.passed  # the tempting numbers
    assert reading.phase.c0 > 0.95
    assert got.c0_swapped > 0.6
    assert got.verdict.outcome is Outcome.FAIL
    assert "the clock plays" in got.verdict.reason


def test_a_clock_instead_of_a_take_fails() -> None:
    own = take()
    clock = read_density(own.motion_energy, clock_only(own.position), own.position, HZ)
    got = separation(clock, clock, clock)
    assert got.verdict.outcome is Outcome.FAIL
    assert "not above a clock's" in got.verdict.reason


def test_the_same_body_as_its_own_swap_fails() -> None:
    own = take()
    reading = read_density(own.motion_energy, own.density, own.position, HZ)
    clock = read_density(own.motion_energy, clock_only(own.position), own.position, HZ)
    got = separation(reading, reading, clock)
    assert "another body still gives r" in got.verdict.reason
    assert "another body still gives bar-averaged r" in got.verdict.reason


def test_a_swapped_run_of_few_peaks_proves_nothing() -> None:
    own = take()
    reading = read_density(own.motion_energy, own.density, own.position, HZ)
    slow = 0.5 + 0.4 * np.sin(2 * np.pi * 0.2 * np.arange(len(own.density)) / HZ)  # 36 in three minutes
    got = separation(reading, read_density(own.motion_energy, slow, own.position, HZ), reading)
    assert got.verdict.outcome is Outcome.NOT_COMPUTABLE
    assert got.verdict.reason == "swapped body: 36 peaks, 60 are needed"


def test_a_swapped_run_without_numbers_proves_nothing() -> None:
    own = take()
    reading = read_density(own.motion_energy, own.density, own.position, HZ)
    stuck = read_density(own.motion_energy, constant(len(own.density)), own.position, HZ)
    got = separation(reading, stuck, reading)
    assert got.verdict.outcome is Outcome.NOT_COMPUTABLE
    assert got.verdict.reason.startswith("swapped body: density stands still")
