"""A real dancer leads: optical motion capture whose hip has a sharp line at 115 beats a minute."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import pytest

from choreo_pipelines.bodies.mocap import read_mocap
from choreo_service.clock import MS, NS
from choreo_service.core import Core
from choreo_service.features import MotionFeatures
from choreo_service.packets import SensorPacket
from choreo_service.transport import Leading

BPM: Final = 115.0

pytestmark = pytest.mark.data


@pytest.fixture(scope="module")
def packets(data_dir: Path) -> list[SensorPacket]:
    return list(read_mocap(data_dir / "mocaptoolbox_demo" / "dance1.npz").packets())


def test_the_beats_of_the_body_are_those_it_danced(packets: list[SensorPacket]) -> None:
    motion, beats = MotionFeatures(), []
    for packet in packets:
        motion.update(packet.stream, packet.rx_ns, packet.values)
        if motion.beat_ns is not None:
            beats.append(motion.beat_ns / NS)
    assert len(beats) == pytest.approx(25.0 * BPM / 60.0, abs=3)
    assert 60.0 / np.median(np.diff(beats)) == pytest.approx(BPM, rel=0.015)
    assert abs(np.exp(2j * np.pi * np.array(beats) * BPM / 60.0).mean()) > 0.9  # a row without a pulse: about 0.15


@pytest.mark.parametrize("home_bpm", [105.0, 110.0, 120.0])
def test_the_transport_goes_with_it(packets: list[SensorPacket], home_bpm: float) -> None:
    core = Core(performers=1, period_ns=20 * MS, home_bpm=home_bpm, leading=Leading("body"))
    coming, played = list(packets), []
    for k in range(1, 25 * 50):
        t_ns = packets[0].t_ns + k * 20 * MS
        due = []
        while coming and coming[0].t_ns <= t_ns:
            due.append(coming.pop(0))
        tempo = core.step(k, 1, t_ns, due).tempo
        assert tempo is not None
        played.append((t_ns / NS, tempo.beats, tempo.bpm))
    times, beats, bpms = np.array(played[10 * 50 :]).T
    assert bpms.mean() == pytest.approx(BPM, rel=0.01)
    assert bpms.std() / BPM < 0.025
    apart = beats - times * BPM / 60.0
    assert abs(np.exp(2j * np.pi * apart).mean()) > 0.95  # it stays with the dancer's pulse, wherever that lies
