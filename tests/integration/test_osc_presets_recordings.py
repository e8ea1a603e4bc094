"""Whatever the app, the same body gives the same six features: real recordings sent in each app's own way."""

from __future__ import annotations

import csv
import io
import math
import tarfile
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from osc_datagrams import APPS, Moment, message, tracker_frame, vmc_frame

from choreo_adapters.sensors.osc_motion import OscMotion
from choreo_pipelines.bodies.mocap import HIPS
from choreo_service.clock import VirtualClock
from choreo_service.features import BodyMotion, MotionFeatures

G = 9.80665
ENERGY, FREQ, JERK, SWAY, BOUNCE, SYMMETRY = range(6)
WITH_GRAVITY_APART = (
    *("comote v3", "gyrosc", "sensors2osc", "zigsim", "zigsim pro", "zigsim json", "rime", "tdlidar"),
    *("oschook v1", "choreo linear"),
)
WITH_GYROSCOPE = ("comote v2", "choreo")
ACCELERATION_ALONE = ("oschook v2", "touchosc ios", "touchosc android")

pytestmark = pytest.mark.data


class Stage:
    """The sensor, and the features of performer 0 from what it emits."""

    def __init__(self, **config: object) -> None:
        self.adapter = OscMotion(OscMotion.Config.model_validate(config), self, VirtualClock())
        self.features = BodyMotion()
        self.refused: set[str] = set()
        self.first_ns: int | None = None  # when the first sample came through

    def __call__(
        self, stream: str, values: Sequence[float], *, source: str = "", rx_ns: int | None = None, **_: Any
    ) -> None:
        assert rx_ns is not None
        self.first_ns = self.first_ns or rx_ns
        self.features.update(stream, rx_ns, values, source.partition("@")[2])

    def rejected(self, cause: str, *, source: str = "", count: int = 1) -> None:
        self.refused.add(cause)

    def hear(self, datagrams: Iterable[bytes], t_ns: int) -> np.ndarray:
        for data in datagrams:
            self.adapter.receiver.hear([(data, "10.0.0.1", t_ns)])
        return np.array(self.features.read(t_ns))


def _through(app: str, take: Sequence[Moment], **config: object) -> tuple[np.ndarray, set[str]]:
    stage = Stage(**config)
    return np.array([stage.hear(APPS[app](m), m.t_ms * 1_000_000) for m in take]), stage.refused


def _direct(take: Sequence[Moment], *streams: str) -> np.ndarray:
    """The features without any app in between."""
    features, rows = MotionFeatures(), []
    for m in take:
        given = {"gravity": m.gravity, "rotation_rate": m.rotation, "acceleration": m.force}
        for stream in streams:
            features.update(stream, m.t_ms * 1_000_000, given[stream])
        rows.append(features.read(m.t_ms * 1_000_000))
    return np.array(rows)


@pytest.fixture(scope="module")
def digits(data_dir: Path) -> list[list[Moment]]:
    """Four takes of a phone that draws digits in the air; gravity by its attitude."""
    with tarfile.open(data_dir / "android_digits" / "data.tar.gz") as tar:
        members = list(islice((m for m in tar if m.name.endswith(".csv")), 4))
        return [_digit(io.TextIOWrapper(file)) for m in members if (file := tar.extractfile(m)) is not None]


def _digit(file: io.TextIOWrapper) -> list[Moment]:
    take, start = [], None
    for row in csv.DictReader(file):
        t_ms = int(row["timestamp"])
        start = t_ms - 1000 if start is None else start
        w, x, y, z = (float(row[f"quaternion_{c}"]) for c in "wxyz")
        up = np.array((2 * (x * z - w * y), 2 * (y * z + w * x), w * w - x * x - y * y + z * z))
        gravity = G * up / np.linalg.norm(up)
        force, rotation = (
            np.array([float(row[f"{s}_{c}"]) for c in "xyz"], dtype=np.float32) for s in ("accelerometer", "gyroscope")
        )
        take.append(Moment(t_ms - start, (force - gravity).tolist(), gravity.tolist(), rotation.tolist()))
    return take


@pytest.fixture(scope="module")
def wrist(data_dir: Path) -> list[Moment]:
    """Two minutes of a wristband at 32 Hz, acceleration alone: most lively of the first quarter of an hour."""
    lines = (data_dir / "stress_predict" / "S25" / "ACC.csv").read_text().splitlines()[2 : 2 + 32 * 900]
    force = np.array([[float(v) * G / 64 for v in line.split(",")] for line in lines])
    spread = [force[i : i + 3840].std(axis=0).sum() for i in range(0, len(force) - 3840, 320)]
    chosen = force[320 * int(np.argmax(spread)) :][:3840]
    return [Moment(1000 + round(i * 31.25), f.tolist(), (0.0, 0.0, 0.0), (0.0, 0.0, 0.0)) for i, f in enumerate(chosen)]


@pytest.mark.parametrize("app", WITH_GRAVITY_APART)
def test_apps_that_tell_gravity_apart_give_the_features_of_the_phone_itself(
    app: str, digits: list[list[Moment]]
) -> None:
    for take in digits:
        expected = _direct(take, "gravity", "acceleration")
        found, refused = _through(app, take)
        assert expected[:, ENERGY].max() > 2.0
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)
        assert refused <= {"not finite"}  # Sensors2OSC without a strap


@pytest.mark.parametrize("app", WITH_GYROSCOPE)
def test_apps_with_a_gyroscope_give_nearly_the_same(app: str, digits: list[list[Moment]]) -> None:
    likeness = []
    for take in digits:
        found, refused = _through(app, take)
        np.testing.assert_allclose(found, _direct(take, "rotation_rate", "acceleration"), rtol=1e-3, atol=1e-3)
        assert not refused
        likeness.append(_likeness(found, _direct(take, "gravity", "acceleration")))
    assert np.median(likeness, axis=0).min() > 0.9


@pytest.mark.parametrize("app", ["comote v3", "sensors2osc", "oschook v1", *ACCELERATION_ALONE, "choreo"])
def test_acceleration_alone_gives_the_wrists_features_in_any_unit(app: str, wrist: list[Moment]) -> None:
    streams = ("rotation_rate", "acceleration") if app in ("comote v3", "sensors2osc", "choreo") else ("acceleration",)
    stage = Stage()
    rows = [(m, stage.hear(APPS[app](m), m.t_ms * 1_000_000)) for m in wrist]
    first_ns = stage.first_ns or 0
    heard = [(m, found) for m, found in rows if m.t_ms * 1_000_000 >= first_ns]
    assert len(heard) > 0.7 * len(rows)  # the search for the unit takes two seconds at rest, longer in movement
    expected = _direct([m for m, _ in heard], *streams)
    assert expected[:, ENERGY].max() > 1.0
    np.testing.assert_allclose(np.array([found for _, found in heard]), expected, rtol=1e-3, atol=1e-3)
    assert stage.refused <= {"not finite", "implausible value", "unit undecided"}
    assert ("unit undecided" in stage.refused) == app.startswith("touchosc")


def test_a_mapped_app_gives_them_too(wrist: list[Moment]) -> None:
    stage = Stage(map={"/own/sensor": {"stream": "acceleration", "unit": "g", "args": [1, 2, 3], "sign": -1}})
    found = [
        stage.hear([message("/own/sensor", "ifff", 7, *(-v / G for v in m.force))], m.t_ms * 1_000_000) for m in wrist
    ]
    np.testing.assert_allclose(np.array(found), _direct(wrist, "acceleration"), rtol=1e-3, atol=1e-3)
    assert not stage.refused


@pytest.mark.parametrize("send", [vmc_frame, tracker_frame])
def test_a_dancers_hips_over_osc_give_the_features_of_the_capture_itself(send: Any, data_dir: Path) -> None:
    hips, rate_hz = _hips(data_dir)
    stage, truth = Stage(), MotionFeatures()
    found, expected = [], []
    for i, (x, y, z) in enumerate(hips):
        t_ns = 10**9 + round(i * 1e9 / rate_hz)
        found.append(stage.hear(send((x, z, y)), t_ns))  # the capture has z up, Unity y and the other hand
        if 3 <= i < len(hips) - 3:
            j = np.arange(-3, 4)
            bent = 2.0 * rate_hz**2 * (np.linalg.pinv(np.stack((j**0, j, j * j), axis=1))[2] @ hips[i - 3 : i + 4])
            truth.update("gravity", t_ns, (0.0, 0.0, G))
            truth.update("linear_acceleration", t_ns, bent.tolist())
        expected.append(truth.read(t_ns))
    a, b = np.array(found)[6:], np.array(expected)[3:-3]  # in the middle of seven frames: three frames later
    assert b[:, ENERGY].max() > 2.0
    likeness = [float(np.corrcoef(a[120:, c], b[120:, c])[0, 1]) for c in (ENERGY, JERK, SWAY, BOUNCE)]
    assert min(likeness) > 0.98
    np.testing.assert_allclose(np.median(a[120:], axis=0), np.median(b[120:], axis=0), rtol=0.05, atol=0.05)
    assert not stage.refused


WRISTS = {"left": ("Radius_L", "Ulna_L"), "right": ("Radius_R", "Ulna_R")}


@pytest.mark.parametrize("held_back", [1.0, 0.5], ids=["as danced", "the right arm held back"])
def test_a_dancers_wrists_as_trackers_give_the_symmetry_of_the_capture(held_back: float, data_dir: Path) -> None:
    hips, rate_hz = _hips(data_dir)
    wrists = {limb: _place(data_dir, names)[: len(hips)] for limb, names in WRISTS.items()}
    middle = wrists["right"].mean(axis=0)
    wrists["right"] = middle + held_back * (wrists["right"] - middle)
    stage, numbers = Stage(), {"left": 2, "right": 3}
    for i, (x, y, z) in enumerate(hips):
        frame = [message("/tracking/trackers/1/position", "fff", x, z, y)]
        for limb, number in numbers.items():
            u, v, w = wrists[limb][i]
            frame.append(message(f"/tracking/trackers/{number}/position", "fff", u, w, v))
        found = stage.hear(frame, 10**9 + round(i * 1e9 / rate_hz))
    energies = [_effort(wrists[limb], rate_hz) for limb in ("left", "right")]
    expected = 1.0 - abs(energies[0] - energies[1]) / sum(energies)
    assert (expected < 0.5) == (held_back < 1.0)
    assert found[SYMMETRY] == pytest.approx(expected, abs=0.03)
    assert found[ENERGY] > 0.5
    assert not stage.refused


def _effort(place: np.ndarray, rate_hz: float) -> float:
    """Mean square of the acceleration over the last 2 s (a low-pass), by the same parabola over seven frames."""
    j = np.arange(-3, 4)
    rows = 2.0 * rate_hz**2 * np.linalg.pinv(np.stack((j**0, j, j * j), axis=1))[2]
    bent = np.stack([np.convolve(place[:, axis], rows[::-1], mode="valid") for axis in range(3)], axis=1)
    weights = np.exp(-np.arange(len(bent))[::-1] / (2.0 * rate_hz))
    return float(np.average((bent**2).sum(axis=1), weights=weights))


def _place(data_dir: Path, names: Sequence[str]) -> np.ndarray:
    """Mean of the markers in m, [frames, 3], z up."""
    [path] = (data_dir / "mocaptoolbox_demo").glob("*.npz")
    with np.load(path, allow_pickle=False) as data:
        known = [str(n) for n in data["names"]]
        return data["markers_mm"][:, [known.index(n) for n in names]].mean(axis=1) / 1000.0  # type: ignore[no-any-return]


def _hips(data_dir: Path) -> tuple[np.ndarray, float]:
    """(positions in m [frames, 3], z up; frames per second) of the first minute without gaps."""
    [path] = (data_dir / "mocaptoolbox_demo").glob("*.npz")
    with np.load(path, allow_pickle=False) as data:
        names = [str(n) for n in data["names"]]
        place = data["markers_mm"][:, [names.index(n) for n in HIPS]].mean(axis=1) / 1000.0
        rate_hz = float(data["rate_hz"])
    assert math.isfinite(place.sum())
    return place[: round(60 * rate_hz)], rate_hz


def _likeness(found: np.ndarray, expected: np.ndarray) -> list[float]:
    return [float(np.corrcoef(found[50:, c], expected[50:, c])[0, 1]) for c in (ENERGY, JERK, BOUNCE)]
