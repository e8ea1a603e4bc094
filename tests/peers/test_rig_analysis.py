"""The rig's measures of sound, against signals whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
from rig import SynthDef, Ugen, best_lag_correlation, rms_envelope, spectral_centroid, steady_centroid

RATE = 48_000


def _sine(hz: float, seconds: float = 0.5, amplitude: float = 1.0) -> np.ndarray:
    return amplitude * np.sin(2 * np.pi * hz * np.arange(int(seconds * RATE)) / RATE)


def test_rms_of_a_sine_is_its_amplitude_over_root_two() -> None:
    assert rms_envelope(_sine(1000.0, amplitude=0.5), RATE) == pytest.approx(0.5 / np.sqrt(2), rel=1e-3)


def test_rms_follows_a_change_window_by_window() -> None:
    envelope = rms_envelope(np.concatenate((_sine(1000.0, 0.1), np.zeros(4800))), RATE, window_s=0.05)
    assert envelope == pytest.approx([0.7071, 0.7071, 0.0, 0.0], abs=1e-3)


@pytest.mark.parametrize("hz", [200.0, 1000.0, 5000.0])
def test_centroid_of_a_sine_is_its_frequency(hz: float) -> None:
    assert spectral_centroid(_sine(hz), RATE) == pytest.approx(hz, rel=0.02)


def test_a_lost_block_clicks_in_the_centroid_but_not_in_the_steady_one() -> None:
    whole = _sine(330.0)
    spliced = np.delete(whole, slice(16_700, 16_956))  # within the fourth window of a tenth of a second
    assert spectral_centroid(spliced, RATE, 0.1)[3] > 1.2 * spectral_centroid(whole, RATE, 0.1)[3]
    assert steady_centroid(spliced, RATE, 0.1)[:4] == pytest.approx(steady_centroid(whole, RATE, 0.1)[:4], rel=0.02)


def test_centroid_of_silence_is_zero() -> None:
    assert not spectral_centroid(np.zeros(RATE), RATE).any()


def test_shorter_than_a_window_is_an_error() -> None:
    with pytest.raises(ValueError, match="shorter than one window"):
        rms_envelope(np.zeros(10), RATE)


def test_correlation_finds_the_lag_of_the_effect() -> None:
    cause = np.random.default_rng(7).normal(size=200)
    effect = np.concatenate((np.zeros(4), 3.0 * cause[:-4] + 1.0))
    score, lag = best_lag_correlation(cause, effect, max_lag=10)
    assert lag == 4
    assert score == pytest.approx(1.0)


def test_a_constant_correlates_with_nothing() -> None:
    cause = np.random.default_rng(7).normal(size=50)
    assert best_lag_correlation(cause, np.ones(50), max_lag=3)[0] == 0.0


def test_synthdef_bytes_follow_the_file_format() -> None:
    data = SynthDef("hi", {"a": 0.5}, (Ugen("Out", 2, (0.0, (0, 0)), outputs=0),)).to_bytes()
    assert data == (
        b"SCgf\x00\x00\x00\x02\x00\x01\x02hi"
        b"\x00\x00\x00\x01\x00\x00\x00\x00"  # one constant: 0.0
        b"\x00\x00\x00\x01\x3f\x00\x00\x00\x00\x00\x00\x01\x01a\x00\x00\x00\x00"  # one parameter: a = 0.5, index 0
        b"\x00\x00\x00\x02"  # two ugens
        b"\x07Control\x01\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x01"
        b"\x03Out\x02\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00"
        b"\xff\xff\xff\xff\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
        b"\x00\x00"  # no variants
    )
