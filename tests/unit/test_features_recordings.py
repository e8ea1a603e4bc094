"""Real recordings: nobody here made them, so plausibility and agreement, not exact values."""

from __future__ import annotations

import csv
import io
import math
import tarfile
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from choreo_service.features import HeartFeatures, MotionFeatures

ENERGY, FREQ, JERK, SWAY, BOUNCE, SYMMETRY = range(6)
G = 9.80665


@pytest.mark.data
def test_gyroscope_filter_agrees_with_a_phones_attitude(data_dir: Path) -> None:
    correlations = []
    with tarfile.open(data_dir / "android_digits" / "data.tar.gz") as tar:
        for member in islice((m for m in tar if m.name.endswith(".csv")), 8):
            file = tar.extractfile(member)
            assert file is not None
            correlations.append(_agreement(io.TextIOWrapper(file)))
    energy, jerk, bounce = np.median(correlations, axis=0)
    assert min(energy, jerk, bounce) > 0.95


@pytest.mark.data
def test_a_seated_wrist_is_calm_and_finite(data_dir: Path) -> None:
    lines = (data_dir / "stress_predict" / "S25" / "ACC.csv").read_text().splitlines()[2 : 2 + 32 * 240]
    features, rows = MotionFeatures(), []
    for i, line in enumerate(lines):
        t_ns = round(i * 1e9 / 32)
        features.update("acceleration", t_ns, [float(v) * G / 64 for v in line.split(",")])
        rows.append(features.read(t_ns))
    columns = np.array(rows)
    assert np.isfinite(columns).all()
    assert np.median(columns[:, ENERGY]) < 0.3
    assert columns[:, ENERGY].max() > 1.0


@pytest.mark.data
def test_heart_from_beats_agrees_with_the_wristbands_own_rate(data_dir: Path) -> None:
    folder = data_dir / "stress_predict" / "S25"
    start, *beats = (folder / "IBI.csv").read_text().splitlines()
    own_start, _, *own = (float(v) for v in (folder / "HR.csv").read_text().splitlines())
    features, errors = HeartFeatures(), []
    for line in beats:
        at, interval = (float(v) for v in line.split(","))
        features.update("rr_interval", round(at * 1e9), (interval,))
        i = round(float(start.split(",")[0]) + at - own_start)
        if 60 <= i < len(own):
            errors.append(abs(float(features.read(round(at * 1e9))[0]) - own[i]))
    assert len(errors) > 300
    assert np.median(errors) < 8.0


def _agreement(file: io.TextIOWrapper) -> list[float]:
    """Correlation of energy, jerk and bounce: gravity by the phone's attitude against our gyroscope filter."""
    truth, ours, true_rows, our_rows = MotionFeatures(), MotionFeatures(), [], []
    for row in csv.DictReader(file):
        t_ns = int(row["timestamp"]) * 1_000_000
        w, x, y, z = (float(row[f"quaternion_{c}"]) for c in "wxyz")
        up = (2 * (x * z - w * y), 2 * (y * z + w * x), w * w - x * x - y * y + z * z)
        force = [float(row[f"accelerometer_{c}"]) for c in "xyz"]
        turn = [float(row[f"gyroscope_{c}"]) for c in "xyz"]
        length = math.sqrt(sum(u * u for u in up))
        truth.update("gravity", t_ns, [G * u / length for u in up])
        truth.update("acceleration", t_ns, force)
        ours.update("rotation_rate", t_ns, turn)
        ours.update("acceleration", t_ns, force)
        true_rows.append(truth.read(t_ns))
        our_rows.append(ours.read(t_ns))
    a, b = np.array(true_rows[50:]), np.array(our_rows[50:])
    return [float(np.corrcoef(a[:, c], b[:, c])[0, 1]) for c in (ENERGY, JERK, BOUNCE)]
