"""Bodies that go through a calibration: a phone on a hip that rests, dances and dances harder; a strap beside it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from choreo_pipelines.feature_bench.imu import Imu, dance, rest
from choreo_service.packets import SensorPacket

RATE = 50.0
STILL_S, NORMAL_S, FULL_S = 10.0, 30.0, 20.0
GYRO = ("rotation_rate", "acceleration")


def guided(
    *, normal: float = 1.2, full: float = 2.6, shaken: float = 0.0, scale: float = 1.0, step_hz: float = 1.8
) -> list[Imu]:
    """What a phone measures in the three parts; `normal`, `full` are the bounce (m/s^2), `shaken` that of the first,
    `scale` the error of its accelerometer."""
    still = dance(RATE, STILL_S, step_hz, size=shaken) if shaken else rest(RATE, STILL_S)
    parts = [still, dance(RATE, NORMAL_S, step_hz, size=normal), dance(RATE, FULL_S, step_hz, size=full)]
    return [Imu(RATE, part.acceleration * scale, part.linear, part.rotation) for part in parts]


def packets(
    parts: Sequence[Imu],
    *,
    heart: bool = True,
    performer: int = 0,
    silent: tuple[float, float] = (-1.0, -1.0),
    start_ns: int = 1_000_000_000,
) -> list[SensorPacket]:
    """The parts one after the other, with a strap once a second; nothing comes of the phone in `silent` seconds."""
    rows = {
        "rotation_rate": np.concatenate([part.rotation for part in parts]),
        "acceleration": np.concatenate([part.acceleration for part in parts]),
    }
    found: list[tuple[int, str, tuple[float, ...]]] = []
    for i in range(len(rows["acceleration"])):
        t_ns = start_ns + round(i * 1e9 / RATE)
        if not silent[0] <= i / RATE < silent[1]:
            found += [(t_ns, stream, tuple(rows[stream][i].tolist())) for stream in GYRO]
        if heart and i % round(RATE) == 0:
            found.append((t_ns, "heart_rate", (80.0 + i / RATE / 2.0,)))
    return [
        SensorPacket(stream, performer, seq, t_ns, t_ns, None, "phone", values)
        for seq, (t_ns, stream, values) in enumerate(found)
    ]
