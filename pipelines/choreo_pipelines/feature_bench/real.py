"""What nobody simulated: a dancer whose tempo is known, and wrists that mostly rest."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from choreo_pipelines.bodies import read_mocap
from choreo_pipelines.feature_bench.imu import Array
from choreo_pipelines.feature_bench.row import Row
from choreo_pipelines.importers import Recording, read_source
from choreo_service.clock import NS
from choreo_service.features import MotionFeatures

DANCE: Final = Path("mocaptoolbox_demo", "dance1.npz")
DANCE_BPM: Final = 115.0  # the sharp line of her hips' vertical acceleration
WRISTS: Final = Path("stress_predict")
HZ: Final = 50

_SETTLED_S: Final = 4.0
_REST_S: Final = 10.0  # over which a floor is taken


class Traced(NamedTuple):
    """The features of a recording at HZ."""

    columns: Array  # [n, 6]
    moving: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]  # [n] whether the frequency's gate was open


def real_rows(folder: Path) -> Iterator[Row]:
    """The rows of every known recording in `folder`; none where there is none."""
    if (folder / DANCE).is_file():
        yield from dance_rows(trace(read_mocap(folder / DANCE)))
    for wrist in sorted(path for path in (folder / WRISTS).glob("*") if (path / "ACC.csv").is_file()):
        yield from wrist_rows(wrist.name, trace(read_source(wrist)))


def trace(recording: Recording) -> Traced:
    """Every motion sample through the features, read on an even grid."""
    features, rows, moving, due_ns = MotionFeatures(), [], [], 0
    for packet in recording.packets():
        if packet.modality != "motion":
            continue
        due_ns = due_ns or packet.rx_ns
        while packet.rx_ns > due_ns:
            rows.append(features.read(due_ns))
            moving.append(features.movement.bank.moving)
            due_ns += NS // HZ
        features.update(packet.stream, packet.rx_ns, packet.values)
    return Traced(np.array(rows, np.float64), np.array(moving, np.bool_))


def dance_rows(dance: Traced) -> Iterator[Row]:
    """Her tempo, found in the hips."""
    bpm = 60.0 * dance.columns[round(_SETTLED_S * HZ) :, 1]
    median = float(np.median(bpm))
    near = DANCE_BPM if median > DANCE_BPM / 2.0**0.5 else DANCE_BPM / 2.0  # twice the tempo would be a mistake
    yield Row("dance1", "motion_freq, median", median, "bpm", "115 or half", (near * 0.98, near * 1.02))
    share = float((np.abs(bpm / near - 1.0) < 0.02).mean()) * 100.0
    yield Row("dance1", f"of the time within 2 % of {near:g}", share, "%", "", (90, 100))


def wrist_rows(name: str, wrist: Traced) -> Iterator[Row]:
    """A seated wrist: what it reads at rest, and that rest holds the frequency."""
    energy, freq = wrist.columns[:, 0], wrist.columns[:, 1]
    span = round(_REST_S * HZ)
    floors = np.median(energy[: len(energy) // span * span].reshape(-1, span), axis=1)
    yield Row(name, "resting noise floor, 10 s", float(np.percentile(floors, 5)), "m/s^2", "", (0, 0.1))
    shut = ~wrist.moving
    yield Row(name, "of the time the gate is shut", float(shut.mean()) * 100.0, "%", "", (10, 99))
    yield Row(name, "energy while it is shut", float(np.median(energy[shut])), "m/s^2", "0.03 (rms)", (0, 0.15))
    ratio = float(np.median(energy[~shut]) / np.median(energy[shut]))
    yield Row(name, "energy while it is open, to that", ratio, "x", "", (2, np.inf))
    held = float((np.diff(freq)[shut[1:] & shut[:-1]] != 0.0).sum())
    yield Row(name, "frequency changes while it is shut", held, "", "0", (0, 0))
