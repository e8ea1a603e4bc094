"""The synthetic dancer is repeatable, on time, and looks like a dancer to the features."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from choreo_adapters.sensors.synthetic import SyntheticDancer
from choreo_service.clock import NS, VirtualClock, run_virtual
from choreo_service.features import MotionFeatures
from choreo_service.testing import RecordingEmit

START = 5 * NS


def dance(clock: VirtualClock | None = None, **settings: Any) -> RecordingEmit:
    """Everything one run emits, in virtual time."""
    emit, clock = RecordingEmit(), clock or VirtualClock(START)
    run_virtual(clock, SyntheticDancer(SyntheticDancer.Config(**settings), emit, clock).run())
    return emit


def test_ends_after_its_seconds_having_sent_every_stream_at_its_rate() -> None:
    emit = dance(seconds=4.0)
    counts = Counter(s.stream for s in emit.samples)
    intervals = counts.pop("rr_interval")
    assert counts == {"acceleration": 399, "rotation_rate": 399, "beat": 200, "context": 4, "heart_rate": 4}
    assert 3 <= intervals <= 8
    assert emit.problems == []


def test_same_seed_same_dance_and_another_seed_another() -> None:
    assert dance(seconds=3.0, seed=4).samples == dance(seconds=3.0, seed=4).samples
    assert dance(seconds=3.0, seed=4).of("acceleration") != dance(seconds=3.0, seed=5).of("acceleration")


@pytest.mark.parametrize("rate_hz", [10.0, 32.0, 62.5, 100.0, 400.0])
def test_samples_stand_on_an_even_grid_never_in_the_future(rate_hz: float) -> None:
    clock = VirtualClock(START)
    late: list[int] = []

    class Watching(RecordingEmit):
        def __call__(self, stream: str, values: Any, **facts: Any) -> None:
            super().__call__(stream, values, **facts)
            late.append(clock.now_ns() - facts["rx_ns"])

    emit = Watching()
    run_virtual(clock, SyntheticDancer(SyntheticDancer.Config(seconds=3.0, rate_hz=rate_hz), emit, clock).run())
    stamps = [s.rx_ns - START for s in emit.samples if s.stream == "acceleration" and s.rx_ns is not None]
    assert stamps == [round(i / rate_hz * NS) for i in range(len(stamps))]
    assert len(stamps) >= 2.9 * rate_hz
    assert min(late) >= 0
    assert max(late) <= 21_000_000


def test_values_belong_to_the_samples_number_even_after_a_stall() -> None:
    smooth = {s.rx_ns: s.values for s in dance(seconds=12.0).samples if s.stream == "acceleration"}
    clock = VirtualClock(START)
    emit = RecordingEmit()

    async def stalled() -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(SyntheticDancer(SyntheticDancer.Config(seconds=12.0), emit, clock).run())
            await clock.sleep_until(START + 4 * NS)
            clock.advance(5 * NS)

    run_virtual(clock, stalled())
    stuttering = {s.rx_ns: s.values for s in emit.samples if s.stream == "acceleration"}
    assert stuttering.items() <= smooth.items()
    assert len(smooth) - len(stuttering) == pytest.approx(450, abs=10)


def test_energy_follows_the_sections() -> None:
    emit = dance(seconds=90.0)
    by_level: dict[float, list[float]] = {}
    features, level = MotionFeatures(), 0.0
    for sample in emit.samples:
        if sample.stream == "context":
            level = sample.values[0]
        elif level and sample.stream in ("acceleration", "rotation_rate"):
            assert sample.rx_ns is not None
            features.update(sample.stream, sample.rx_ns, sample.values)
            by_level.setdefault(level, []).append(float(features.read(sample.rx_ns)[0]))
    means = [np.mean(by_level[level]) for level in sorted(by_level)]
    assert len(means) >= 3
    assert (np.diff(means) > 0.1).all()
    assert means[-1] > 2.5 * means[0]


def test_hips_keep_time_with_the_beat() -> None:
    emit = dance(seconds=60.0, bpm=120.0)
    features, ratios = MotionFeatures(), []
    for sample in emit.samples:
        if sample.stream in ("acceleration", "rotation_rate"):
            assert sample.rx_ns is not None
            features.update(sample.stream, sample.rx_ns, sample.values)
        elif sample.stream == "context" and sample.rx_ns is not None:
            ratios.append(float(features.read(sample.rx_ns)[1]) / 2.0)
    on_time = [r for r in ratios[8:] if abs(r - 1.0) < 0.03 or abs(r - 0.5) < 0.03]
    assert len(on_time) >= 0.8 * len(ratios[8:])


def test_hits_fall_on_the_beat_and_between() -> None:
    emit = dance(seconds=60.0)
    force = np.linalg.norm(emit.of("acceleration"), axis=1)
    phase = np.arange(force.size) / 100.0 * 110.0 / 60.0 % 1.0
    mean = [force[np.abs((phase - at + 0.5) % 1.0 - 0.5) < 0.04].mean() for at in (0.0, 0.25, 0.5)]
    assert mean[0] > mean[1] + 1.0
    assert force[np.abs(phase - 0.5) < 0.04].max() > force[np.abs(phase - 0.3) < 0.04].max()


def test_beat_is_phase_and_place_in_the_bar() -> None:
    beats = np.array(dance(seconds=8.0, bpm=120.0).of("beat"))
    expected = np.arange(len(beats)) / 50.0 * 2.0
    np.testing.assert_allclose(beats[:, 0] + beats[:, 1], expected % 4.0, atol=1e-9)
    assert ((beats[:, 0] >= 0.0) & (beats[:, 0] < 1.0)).all()


def test_the_heart_follows_effort_in_whole_bpm() -> None:
    emit = dance(seconds=120.0)
    rate = np.array(emit.of("heart_rate"))[:, 0]
    assert (rate == np.round(rate)).all()
    assert 50 <= rate.min() < rate.max() <= 200
    assert rate.max() - rate.min() > 20
    intervals = np.array(emit.of("rr_interval"))[:, 0]
    assert intervals.sum() == pytest.approx(120.0, abs=2.0)
    assert 60.0 / intervals.mean() == pytest.approx(rate.mean(), rel=0.03)


def test_performers_differ_but_hear_the_same_music() -> None:
    emit = dance(seconds=3.0, performers=3)
    assert len({tuple(emit.of("acceleration", p)) for p in range(3)}) == 3
    assert emit.of("beat", 0) == emit.of("beat", 2)
    assert emit.of("context", 0) == emit.of("context", 1)
    assert {s.source for s in emit.samples} == {"dancer1", "dancer2", "dancer3"}


def test_without_a_strap_there_is_no_heart() -> None:
    assert {s.stream for s in dance(seconds=3.0, heart=False).samples} == {
        "acceleration",
        "rotation_rate",
        "beat",
        "context",
    }


def test_dropouts_silence_motion_and_heart_and_change_nothing_else() -> None:
    whole, holed = dance(seconds=40.0), dance(seconds=40.0, dropouts=True)
    missing = set(whole.samples) - set(holed.samples)
    silent = {(s.stream, (s.rx_ns - START) // NS) for s in missing if s.rx_ns is not None}
    assert {second for stream, second in silent if stream == "acceleration"} == {12, 13, 14, 32, 33, 34}
    assert {second for stream, second in silent if stream == "heart_rate"} == set(range(20, 32))
    assert not {stream for stream, _ in silent} & {"beat", "context"}
    assert set(holed.samples) <= set(whole.samples)


@pytest.mark.parametrize("settings", [{"tempo": 110}, {"bpm": 0}, {"performers": 0}, {"rate_hz": 1000.0}, {"seed": -1}])
def test_settings_that_make_no_sense_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        SyntheticDancer.Config(**settings)
