"""Whatever comes in, what goes out is finite, bounded and the same for every way a phone is worn."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from choreo_pipelines.feature_bench.imu import Imu, dance, traced
from choreo_service.features import HeartFeatures, MotionFeatures
from choreo_service.features.motion import LIMITS
from choreo_service.packets import STREAMS

MOTION = [s for s in STREAMS.values() if s.modality == "motion"]
HEART = [s for s in STREAMS.values() if s.modality == "heart"]
ANY = st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from((0.0, 1e30, -1e30, 1e308, 5e-324, 9.81))
SHIFTS = st.integers(-30_000_000, 200_000_000) | st.sampled_from((0, 10_000_000, 10**12, -(10**12)))
IMU = dance(50.0, 9.0, 1.7)


def packets(streams: list) -> st.SearchStrategy:
    one = st.sampled_from(streams).flatmap(
        lambda s: st.tuples(st.just(s.name), SHIFTS, st.lists(ANY, min_size=s.width, max_size=s.width))
    )
    return st.lists(one, max_size=120)


@settings(max_examples=60, deadline=None)
@given(packets(MOTION))
def test_any_motion_gives_finite_bounded_columns(sequence: list[tuple[str, int, list[float]]]) -> None:
    features, t_ns = MotionFeatures(), 0
    for stream, shift, values in sequence:
        t_ns += shift
        features.update(stream, t_ns, values)
        row = features.read(t_ns + 5_000_000)
        assert all(isinstance(v, float) and lo <= v <= hi for v, (lo, hi) in zip(row, LIMITS, strict=True))


@settings(max_examples=25, deadline=None)
@given(packets(MOTION))
def test_garbage_poisons_nothing(sequence: list[tuple[str, int, list[float]]]) -> None:
    features, t_ns = MotionFeatures(), 0
    for stream, shift, values in sequence:
        t_ns += shift
        features.update(stream, t_ns, values)
    start = t_ns + 20_000_000_000
    for i in range(len(IMU.acceleration)):
        features.update("rotation_rate", start + IMU.t_ns(i), IMU.rotation[i].tolist())
        features.update("acceleration", start + IMU.t_ns(i), IMU.acceleration[i].tolist())
    row = features.read(start + IMU.end_ns)
    assert abs(row[1] / 1.7 - 1.0) < 0.03
    assert 0.5 < row[0] < 8.0


@settings(max_examples=60, deadline=None)
@given(packets(HEART))
def test_any_heart_gives_finite_bounded_columns(sequence: list[tuple[str, int, list[float]]]) -> None:
    features, t_ns = HeartFeatures(), 0
    for stream, shift, values in sequence:
        t_ns += shift
        features.update(stream, t_ns, values)
        rate, slope = features.read(t_ns + 2_000_000_000)
        assert rate == 0.0 or 25.0 <= rate <= 240.0
        assert -20.0 <= slope <= 20.0


@settings(max_examples=12, deadline=None)
@given(st.tuples(*[st.floats(-1.0, 1.0)] * 4).filter(lambda q: sum(v * v for v in q) > 0.1))
def test_the_way_a_phone_is_worn_changes_nothing(quaternion: tuple[float, float, float, float]) -> None:
    worn = Imu(50.0, IMU.acceleration, IMU.linear, IMU.rotation).turned(rotation_matrix(quaternion))
    for streams in (("rotation_rate", "acceleration"), ("acceleration",), ("linear_acceleration",)):
        expected, found = (traced(imu, *streams, after_s=3.0) for imu in (IMU, worn))
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def rotation_matrix(quaternion: tuple[float, float, float, float]) -> np.ndarray:
    w, x, y, z = np.array(quaternion) / np.linalg.norm(quaternion)
    return np.array(
        (
            (1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)),
            (2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)),
            (2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)),
        )
    )
