"""A real wrist, recorded through the whole service and replayed: the same bytes, many times as fast.

The normal tests play its first four minutes; `make soak MINUTES=53` all of it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import pytest
from shows import PERIOD, make_core, make_recorder, make_service

from choreo_adapters.sensors.session_replay import SessionReplay
from choreo_pipelines.importers import read_source
from choreo_pipelines.importers.command import write_take
from choreo_service.clock import VirtualClock, run_virtual
from choreo_service.protocols import Models
from choreo_service.recorder import recover, unfinished
from choreo_service.replay import replay_take
from choreo_service.service.models import load_models
from choreo_service.session import Session
from choreo_service.testing import RecordingBridge
from choreo_service.testing.bridges import RecordingConfig
from choreo_service.testing.disk import SimulatedDisk

pytestmark = [pytest.mark.data, pytest.mark.slow]

MINUTES: Final = min(53.0, float(os.environ.get("CHOREO_SOAK_MINUTES", "4")))


def test_a_real_wrist_replays_exactly(tmp_path: Path, data_dir: Path, repo_root: Path) -> None:
    def models() -> Models:
        return load_models(repo_root / "checkpoints", performers=1, period_ns=PERIOD)

    imported = write_take(read_source(data_dir / "stress_predict" / "S25"), tmp_path / "s25").path
    clock, disk = VirtualClock(), SimulatedDisk()
    service = make_service(
        clock,
        {"take": lambda emit, c: SessionReplay(SessionReplay.Config(path=imported), emit, c)},
        {"sink": lambda wires, c: RecordingBridge(RecordingConfig(), wires, c)},
        models=models(),
        recorder=lambda core: make_recorder(clock, core, Path("/recordings"), disk, queue_s=10),
    )
    service.listeners.append(lambda tick, *_: service.recorder.work() if tick.k % 10 == 0 else None)
    service.listeners.append(lambda tick, *_: service.recorder.sync() if tick.k % 50 == 0 else None)
    service.recorder.start("hour")
    run_virtual(clock, service.run(60 * MINUTES))
    service.recorder.close()
    for path, content in disk.after_kill().items():
        target = tmp_path / path.relative_to("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    ((_, take),) = recover(unfinished(tmp_path / "recordings"))
    assert isinstance(take, Session)
    report = replay_take(take.path, make_core(models=models()))
    print(report.text())
    assert report.difference == ""
    assert report.compared == service.telemetry.ticks >= 60 * MINUTES * 50 - 1
