"""Motion capture as a hip sensor: the physics of a known movement, and what is no capture."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from choreo_pipelines.bodies import read_mocap
from choreo_pipelines.bodies.mocap import HIPS, REACH, second_derivative
from choreo_pipelines.importers import SourceError
from choreo_service.clock import NS

RATE = 60.0


def capture(path: Path, **changed: Any) -> Path:
    """Hips that bounce 50 mm twice a second, with the markers 100 mm apart around the middle; a hand that rests."""
    at_s = np.arange(300) / RATE
    middle = np.stack((0 * at_s, 0 * at_s, 900 + 50 * np.sin(2 * np.pi * 2 * at_s)), axis=1)
    corners = np.array([(50, 50, 0), (-50, 50, 0), (50, -50, 0), (-50, -50, 0)])
    markers = np.stack([*(middle + corner for corner in corners), np.zeros_like(middle)], axis=1)
    arrays = {"markers_mm": markers.astype(np.float32), "names": np.array([*HIPS, "Finger_L"]), "rate_hz": RATE}
    np.savez(path, **{name: value for name, value in (arrays | changed).items() if value is not None})
    return path


def test_a_bounce_has_the_acceleration_of_physics(tmp_path: Path) -> None:
    recording = read_mocap(capture(tmp_path / "dance.npz"))
    acceleration, gravity = recording.tracks
    assert (acceleration.stream, gravity.stream) == ("linear_acceleration", "gravity")
    at_s = acceleration.at_ns / NS
    true = -0.050 * (2 * np.pi * 2) ** 2 * np.sin(2 * np.pi * 2 * at_s)  # 7.9 m/s^2
    np.testing.assert_allclose(acceleration.values[:, 2], true, atol=0.04 * np.abs(true).max())
    np.testing.assert_allclose(acceleration.values[:, :2], 0, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(gravity.values, axis=1), 9.80665)
    assert len(at_s) == 300 - 2 * REACH
    assert at_s[0] == pytest.approx(REACH / RATE)
    assert recording.ignored == ("Finger_L",)
    assert recording.missing() == ("heart", "beat", "context")


def test_a_parabola_is_differentiated_exactly() -> None:
    at_s = np.arange(50) / RATE
    position = np.stack((3.0 + at_s, 4.0 * at_s**2, -0.5 * 9.81 * at_s**2), axis=1)
    np.testing.assert_allclose(second_derivative(position, RATE), np.tile((0.0, 8.0, -9.81), (44, 1)), atol=1e-8)


def test_the_marker_noise_stays_below_what_plain_differences_make_of_it() -> None:
    noise = np.random.default_rng(0).normal(0, 1e-4, (2000, 3))
    plain = np.diff(noise, 2, axis=0) * RATE**2
    assert second_derivative(noise, RATE).std() < 0.15 * plain.std()


def test_half_the_amplitude_is_left_where_the_comment_says() -> None:
    at_s = np.arange(600) / RATE
    wave = np.stack([np.sin(2 * np.pi * hz * at_s) / (2 * np.pi * hz) ** 2 for hz in (2.0, 9.0, 20.0)], axis=1)
    left = second_derivative(wave, RATE).std(axis=0) * np.sqrt(2)
    assert left[0] > 0.95
    assert left[1] == pytest.approx(0.5, abs=0.1)
    assert left[2] < 0.2


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"names": np.array(["a", "b", "c", "d", "e"])}, "lacks the markers Hip_FL"),
        ({"markers_mm": np.zeros((300, 5))}, "has shape"),
        ({"markers_mm": np.zeros((2 * REACH, 5, 3))}, "has shape"),
        ({"rate_hz": 0.0}, "at 0 Hz"),
        ({"rate_hz": None}, "no motion capture"),
        ({"names": np.array([None] * 5)}, "no motion capture"),  # pickled objects are never loaded
        ({"markers_mm": np.full((300, 5, 3), np.nan)}, "no frame with all hip markers"),
    ],
)
def test_what_is_no_capture_is_refused(tmp_path: Path, changed: dict[str, Any], problem: str) -> None:
    with pytest.raises(SourceError, match=problem):
        read_mocap(capture(tmp_path / "dance.npz", **changed))


def test_another_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "dance.npz").write_bytes(b"no archive")
    with pytest.raises(SourceError, match="no motion capture"):
        read_mocap(tmp_path / "dance.npz")
    with pytest.raises(SourceError, match="no motion capture"):
        read_mocap(tmp_path / "absent.npz")
