"""Every metric answers for every take: with numbers, or with the reason why there are none."""

import dataclasses
import json

import numpy as np
import pytest
from metrics_takes import HZ, take

from choreo_pipelines.metrics import (
    Outcome,
    Result,
    Verdict,
    beat_alignment,
    beat_position,
    control_usage,
    drift_stability,
    energy_correlation,
    phase_coherence,
    prediction_error,
    read_density,
    separation,
)

NO_BEAT = beat_position(None)
NAMES = ("density",)


def all_metrics(body: object, density: object, position: np.ndarray) -> list[Result]:
    column = None if density is None else np.asarray(density)[:, None]
    reading = read_density(body, density, position, HZ)
    return [
        phase_coherence(density, position, HZ),
        energy_correlation(body, density, position, HZ),
        beat_alignment(density, position, HZ),
        prediction_error(column, position, 1.0, names=NAMES),
        drift_stability(column, 1000, HZ, names=NAMES),
        control_usage(column, names=NAMES),
        separation(reading, reading, reading),
    ]


def test_an_empty_take_is_answered_by_every_metric() -> None:
    for result in all_metrics(None, None, NO_BEAT):
        assert result.verdict.outcome is Outcome.NOT_COMPUTABLE, result
        assert result.verdict.reason


def test_a_take_without_a_beat_says_so() -> None:
    own = take(minutes=1)
    results = all_metrics(own.motion_energy, own.density, NO_BEAT)
    assert sum("no running beat" in r.verdict.reason for r in results) == 4


def test_a_take_without_motion_says_so() -> None:
    own = take(minutes=1)
    for body in (None, np.full_like(own.motion_energy, np.nan)):
        got = energy_correlation(body, own.density, own.position, HZ)
        assert got.verdict == Verdict(Outcome.NOT_COMPUTABLE, "no motion_energy in this take")


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_was_sent_is_finite_or_nothing_is_computed(bad: float) -> None:
    own = take(minutes=1)
    density = own.density.copy()
    density[7] = bad
    for result in all_metrics(own.motion_energy, density, own.position):
        assert result.verdict.outcome is Outcome.NOT_COMPUTABLE, result


def test_a_sensor_known_in_too_little_of_the_take_is_not_enough() -> None:
    own = take(minutes=1)
    body = own.motion_energy.copy()
    body[: int(0.6 * len(body))] = np.nan
    got = energy_correlation(body, own.density, own.position, HZ)
    assert got.verdict.reason == "motion_energy is known in 40% of the frames; 50% are needed"


@pytest.mark.parametrize("hz", [1.0, 5.0])
def test_too_coarse_a_frame_rate_cannot_show_a_hundred_milliseconds(hz: float) -> None:
    own = take(minutes=1)
    for result in (
        phase_coherence(own.density, own.position, hz),
        energy_correlation(own.motion_energy, own.density, own.position, hz),
    ):
        assert result.verdict.outcome is Outcome.NOT_COMPUTABLE
        assert "frames/s" in result.verdict.reason


@pytest.mark.parametrize("n", [1, 2, 3, 10, 60])
def test_a_very_short_take_raises_nothing(n: int) -> None:
    own = take(minutes=1)
    for result in all_metrics(own.motion_energy[:n], own.density[:n], own.position[:n]):
        assert json.dumps(result.to_dict(), allow_nan=False)


def test_results_are_plain_json_with_the_fields_as_keys() -> None:
    own = take()
    for result in all_metrics(own.motion_energy, own.density, own.position):
        data = result.to_dict()
        assert json.loads(json.dumps(data, allow_nan=False)) == data
        assert set(data) == {f.name for f in dataclasses.fields(result)}
        assert set(data["verdict"]) == {"outcome", "reason"}


def test_results_cannot_be_changed() -> None:
    got = phase_coherence(None, NO_BEAT, HZ)
    with pytest.raises(dataclasses.FrozenInstanceError):
        got.c0 = 1.0


def test_numbers_that_are_not_finite_become_null() -> None:
    got = dataclasses.replace(phase_coherence(None, NO_BEAT, HZ), c0=float("nan"))
    assert got.to_dict()["c0"] is None


def test_columns_of_different_lengths_are_a_mistake_of_the_caller() -> None:
    own = take(minutes=1)
    with pytest.raises(ValueError, match="different lengths"):
        phase_coherence(own.density[:-1], own.position, HZ)
    with pytest.raises(ValueError, match="one column"):
        phase_coherence(own.density[:, None], own.position, HZ)
    with pytest.raises(ValueError, match=r"\[n, 5\] expected"):
        control_usage(own.density[:, None])
