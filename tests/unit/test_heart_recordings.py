"""Real wristbands, whose beats come in bursts between movements: bounded, and calmer than the beats themselves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from simulated_heart import Packet, traced

from choreo_pipelines.generator.settings import HZ
from choreo_pipelines.importers import read_source
from choreo_service.clock import NS
from choreo_service.features import HeartFeatures

pytestmark = pytest.mark.data


def worn(folder: Path, *streams: str) -> list[Packet]:
    """The heart of one wearer as packets from 0 s on."""
    tracks = [t for t in read_source(folder).tracks if t.stream in streams]
    first = min(int(t.at_ns[0]) for t in tracks)
    return sorted(
        (int(at_ns) - first, t.stream, (float(value[0]),))
        for t in tracks
        for at_ns, value in zip(t.at_ns, t.values, strict=True)
    )


@pytest.mark.parametrize("wearer", ["S21", "S25", "S32"])
def test_a_real_heart_stays_in_bounds_and_its_rate_agrees_with_the_wristbands(data_dir: Path, wearer: str) -> None:
    packets = worn(data_dir / "stress_predict" / wearer, "heart_rate", "rr_interval")
    rows = traced(packets, packets[-1][0] * HZ // NS)[10 * HZ :]
    assert np.isfinite(rows).all()
    assert rows[:, 0].min() >= 40.0  # seated and stressed, not dancing
    assert rows[:, 0].max() <= 130.0
    assert np.abs(rows[:, 1]).max() < 8.0
    shown = np.array([v[0] for _, s, v in packets if s == "heart_rate"])
    assert abs(np.median(rows[:, 0]) - np.median(shown)) < 8.0


@pytest.mark.parametrize("wearer", ["S21", "S25", "S32"])
def test_real_intervals_alone_give_a_slope_far_calmer_than_their_differences(data_dir: Path, wearer: str) -> None:
    packets = worn(data_dir / "stress_predict" / wearer, "rr_interval")
    rates = np.array([60.0 / values[0] for _, _, values in packets])
    seconds = np.array([t / NS for t, _, _ in packets])
    beside = np.diff(seconds) < 2.0
    naive = (np.diff(rates) / np.diff(seconds))[beside]
    features, slopes, variability = HeartFeatures(), [], []
    for t_ns, stream, values in packets:
        features.update(stream, t_ns, values)
        slopes.append(float(features.read(t_ns)[1]))
        variability.append(features.variability_ms)
    assert np.std(slopes) < 0.15 * naive.std()
    assert 10.0 < np.nanmedian(variability) < 200.0
    assert np.nanmax(variability) < 300.0
