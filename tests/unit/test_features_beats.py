"""A body marks the beat at the top of its bounce: when that was, told one sample later."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest

from choreo_adapters.sensors.synthetic import SyntheticDancer
from choreo_service.clock import MS, NS, VirtualClock, run_virtual
from choreo_service.features import MotionFeatures
from choreo_service.features.beats import BodyBeats
from choreo_service.testing import RecordingEmit

WIDE = (1e-9, 1e9)  # a band that shifts nothing


def bounces(hz: float, rate: float, seconds: float, *, amplitude: float = 2.0, noise: float = 0.0) -> list[float]:
    """Where BodyBeats hears the beats of cos(2 pi hz t), in s."""
    rng = random.Random(1)
    beats, marks = BodyBeats(*WIDE), []
    for i in range(round(seconds * rate)):
        t_s = i / rate
        y = amplitude * math.cos(2.0 * math.pi * hz * t_s) + rng.gauss(0.0, noise)
        found = beats.push(NS + round(t_s * NS), y, hz)
        if found is not None:
            assert found <= NS + t_s * NS  # never told before it was
            marks.append(found / NS - 1.0)
    return marks


@pytest.mark.parametrize("rate", [32.0, 50.0, 100.0])
@pytest.mark.parametrize("hz", [1.2, 1.83, 2.4])
def test_the_tops_are_found_between_samples(hz: float, rate: float) -> None:
    marks = bounces(hz, rate, 10.0)
    assert len(marks) == pytest.approx(10.0 * hz, abs=1.5)
    assert max(abs(math.remainder(t, 1.0 / hz)) for t in marks) < 0.002


def test_a_still_body_marks_nothing() -> None:
    assert bounces(1.8, 100.0, 10.0, amplitude=0.0, noise=0.05) == []


def test_small_tops_between_two_beats_are_none() -> None:
    beats, marks = BodyBeats(*WIDE), []
    for i in range(1000):
        y = 2.0 * math.cos(2.0 * math.pi * 1.8 * i / 100) + 1.2 * math.cos(4.0 * math.pi * 1.8 * i / 100)
        marks += [found for found in [beats.push(i * 10 * MS, y, 1.8)] if found is not None]
    assert np.diff(marks) / NS == pytest.approx(1.0 / 1.8, abs=0.005)


def test_hostile_times_are_survived() -> None:
    beats = BodyBeats(*WIDE)
    for t_ns in (0, -(1 << 62), 1 << 62, 5, 5, 6):
        for y in (1e300, -1e300, 0.0, 1.0):
            beats.push(t_ns, y, 1.8)
    assert math.isfinite(beats.envelope)


@pytest.mark.parametrize("bpm", [104.0, 118.0])
def test_the_synthetic_dancer_marks_the_beats_it_dances_to(bpm: float) -> None:
    """Through the phone's axes, the band-pass and its shift; the dancer itself is up to 17 ms late."""
    emit, clock = RecordingEmit(), VirtualClock(0)
    config = SyntheticDancer.Config(seed=3, bpm=bpm, seconds=60.0, heart=False)
    run_virtual(clock, SyntheticDancer(config, emit, clock).run())
    motion, late_ms = MotionFeatures(), []
    for sample in emit.samples:
        if sample.stream in ("acceleration", "rotation_rate"):
            assert sample.rx_ns is not None
            motion.update(sample.stream, sample.rx_ns, sample.values)
            if motion.beat_ns is not None:
                late_ms.append(math.remainder(motion.beat_ns / NS * bpm / 60.0, 1.0) * 60e3 / bpm)
    assert len(late_ms) > 0.6 * bpm
    assert -10.0 < np.median(late_ms) < 30.0
    assert np.percentile(np.abs(late_ms), 75) < 60.0
