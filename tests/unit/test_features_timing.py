"""Arrival times are bad; columns are not. Silence fades; state goes on bit for bit."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from choreo_pipelines.feature_bench.imu import Imu, dance, feed
from choreo_service.features import MotionFeatures
from choreo_service.features.cadence import Cadence

MS = 1_000_000
ENERGY, FREQ, JERK, SWAY, BOUNCE, SYMMETRY = range(6)
GYRO = ("rotation_rate", "acceleration")


def clumped(t_ns: int, _: np.random.Generator) -> int:
    return -(-t_ns // (100 * MS)) * 100 * MS


def jittered(t_ns: int, rng: np.random.Generator) -> int:
    return t_ns + int(rng.exponential(4.0) * MS)


def out_of_order(t_ns: int, rng: np.random.Generator) -> int:
    return t_ns + int(rng.uniform(-15.0, 15.0) * MS)


@pytest.mark.parametrize("arrival", [clumped, jittered, out_of_order])
def test_arrival_jitter_hardly_changes_the_columns(arrival: Callable[[int, np.random.Generator], int]) -> None:
    imu, rng = dance(100.0, 16.0, 1.8), np.random.default_rng(5)
    even, uneven = rows(imu, imu.t_ns), rows(imu, lambda i: arrival(imu.t_ns(i), rng))
    np.testing.assert_allclose(np.abs(uneven).mean(axis=0), np.abs(even).mean(axis=0), rtol=0.03)
    assert np.corrcoef(even[:, JERK], uneven[:, JERK])[0, 1] > 0.98


def test_lost_packets_hardly_change_the_columns() -> None:
    imu, rng = dance(100.0, 16.0, 1.8), np.random.default_rng(6)
    kept = rng.random(len(imu.acceleration)) > 0.05
    even = rows(imu, imu.t_ns)
    lossy = rows(imu, imu.t_ns, kept)
    np.testing.assert_allclose(np.abs(lossy).mean(axis=0), np.abs(even).mean(axis=0), rtol=0.05)


def test_cadence_finds_the_spacing_behind_clumps() -> None:
    cadence = Cadence()
    samples = [cadence.push(-(-i // 5) * 50 * MS, (0.0, 0.0, 0.0)) for i in range(400)]
    late = [s for s in samples[200:] if s is not None]
    np.testing.assert_allclose([s.period for s in late], 0.01, rtol=0.15)
    assert sum(s.dt for s in late) == pytest.approx(2.0, rel=0.03)


def test_fast_devices_are_averaged_to_about_100_hz() -> None:
    cadence = Cadence()
    out = [cadence.push(round(i * 2.5 * MS), (float(i), 0.0, 0.0)) for i in range(800)]
    late = [s for s in out[400:] if s is not None]
    assert len(late) == 100
    assert late[1].value[0] - late[0].value[0] == pytest.approx(4.0)


def test_cadence_learns_another_rate_after_a_gap() -> None:
    cadence = Cadence()
    for i in range(200):
        cadence.push(i * 10 * MS, (0.0, 0.0, 0.0))
    last = [cadence.push(60_000 * MS + i * 40 * MS, (0.0, 0.0, 0.0)) for i in range(60)][-1]
    assert last is not None
    assert last.period == pytest.approx(0.04, rel=0.05)


def test_silence_fades_everything_but_frequency_and_symmetry() -> None:
    imu = dance(100.0, 10.0)
    features = feed(imu, *GYRO)
    fresh, same = features.read(imu.end_ns), features.read(imu.end_ns + 100 * MS)
    np.testing.assert_array_equal(fresh, same)
    later, much_later = features.read(imu.end_ns + 250 * MS), features.read(imu.end_ns + 3000 * MS)
    for column in (ENERGY, JERK, SWAY, BOUNCE):
        assert 0.0 < abs(later[column]) < 0.5 * abs(fresh[column])
        assert abs(much_later[column]) < 1e-6
    assert (much_later[FREQ], much_later[SYMMETRY]) == (fresh[FREQ], fresh[SYMMETRY])


def test_a_slow_source_is_not_silent_between_its_samples() -> None:
    imu = dance(10.0, 10.0, 1.0)
    features = feed(imu, *GYRO)
    np.testing.assert_array_equal(features.read(imu.end_ns), features.read(imu.end_ns + 150 * MS))


def test_coming_back_from_a_gap_is_no_hit() -> None:
    imu = dance(100.0, 10.0)
    usual = rows(imu, imu.t_ns)[:, [ENERGY, JERK]].max(axis=0)
    features, peak = MotionFeatures(), np.zeros(6)
    for i in range(len(imu.acceleration)):
        late = imu.t_ns(i) + (2_345 * MS if i >= 700 else 0)
        put(features, imu, i, late)
        peak = np.maximum(peak, np.abs(features.read(late))) if i >= 700 else peak
    assert (peak[[ENERGY, JERK]] <= usual * 1.05).all()


def test_losing_the_phones_own_linear_acceleration_goes_on_with_acceleration() -> None:
    imu = dance(100.0, 12.0, 1.8)
    features, energies = MotionFeatures(), []
    for i in range(len(imu.acceleration)):
        put(features, imu, i, imu.t_ns(i))
        if i < 600:
            features.update("linear_acceleration", imu.t_ns(i), imu.linear[i].tolist())
        energies.append(float(features.read(imu.t_ns(i))[ENERGY]))
    assert np.mean(energies[700:]) == pytest.approx(np.mean(energies[300:600]), rel=0.1)
    assert max(energies) < 1.1 * max(energies[300:600])


def test_reading_changes_nothing() -> None:
    imu = dance(100.0, 4.0)
    read_often, never = MotionFeatures(), feed(imu, *GYRO)
    for i in range(len(imu.acceleration)):
        put(read_often, imu, i, imu.t_ns(i))
        read_often.read(imu.t_ns(i) + 400 * MS)
    np.testing.assert_equal(read_often.state(), never.state())


@pytest.mark.parametrize("through_json", [False, True])
def test_state_goes_on_bit_for_bit(through_json: bool) -> None:
    imu = dance(100.0, 8.0)
    whole, first = feed(imu, *GYRO), feed(imu, *GYRO, stop=333)
    state = first.state()
    if through_json:
        state = json.loads(json.dumps(state, default=plain), object_hook=arrays)
    second = MotionFeatures()
    second.load_state(state)
    for i in range(333, len(imu.acceleration)):
        put(second, imu, i, imu.t_ns(i))
    np.testing.assert_equal(second.state(), whole.state())
    np.testing.assert_array_equal(second.read(imu.end_ns), whole.read(imu.end_ns))


def test_a_state_shares_nothing_with_its_owner() -> None:
    imu = dance(100.0, 4.0)
    features = feed(imu, *GYRO, stop=200)
    state, before = features.state(), features.read(imu.t_ns(199))
    for i in range(200, 400):
        put(features, imu, i, imu.t_ns(i))
    again = MotionFeatures()
    again.load_state(state)
    np.testing.assert_array_equal(again.read(imu.t_ns(199)), before)


def test_reset_is_as_new() -> None:
    features = feed(dance(100.0, 3.0), *GYRO)
    features.reset()
    np.testing.assert_equal(features.state(), MotionFeatures().state())


def put(features: MotionFeatures, imu: Imu, i: int, t_ns: int) -> None:
    features.update("rotation_rate", t_ns, imu.rotation[i].tolist())
    features.update("acceleration", t_ns, imu.acceleration[i].tolist())


def rows(imu: Imu, arrival: Callable[[int], int], kept: Any = None) -> Any:
    """The six columns after each sample from 6 s on."""
    features, out = MotionFeatures(), []
    for i in range(len(imu.acceleration)):
        if kept is not None and not kept[i]:
            continue
        t_ns = arrival(i)
        put(features, imu, i, t_ns)
        if i > 6 * imu.rate:
            out.append(features.read(t_ns))
    return np.array(out, dtype=np.float64)


def plain(value: Any) -> Any:
    if np.iscomplexobj(value):
        return {"re": value.real.tolist(), "im": value.imag.tolist()}
    return value.tolist()


def arrays(value: dict[str, Any]) -> Any:
    return np.array(value["re"]) + 1j * np.array(value["im"]) if set(value) == {"re", "im"} else value
