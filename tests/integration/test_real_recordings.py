"""Real bodies through the whole service, faster than real time. The recordings stay outside the product."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from shows import make_core, make_service

from choreo_adapters.sensors.session_replay import SessionReplay
from choreo_pipelines.importers import read_source
from choreo_pipelines.importers.command import write_take
from choreo_service.clock import VirtualClock, run_virtual
from choreo_service.packets import CONTROL_NAMES, SensorPacket, Step
from choreo_service.replay import replay_take
from choreo_service.testing import RecordingBridge
from choreo_service.testing.bridges import RecordingConfig
from choreo_service.ticker import Tick

pytestmark = [pytest.mark.data, pytest.mark.slow]


@pytest.fixture(scope="module")
def take(tmp_path_factory: pytest.TempPathFactory, data_dir: Path) -> Path:
    """The 53 minutes of one wristband wearer, imported."""
    recording = read_source(data_dir / "stress_predict" / "S25")
    return write_take(recording, tmp_path_factory.mktemp("takes") / "s25").path


def test_an_hour_of_a_real_wrist_plays_through_the_service_without_a_fault(take: Path) -> None:
    clock = VirtualClock()
    config = SessionReplay.Config(path=take)
    service = make_service(
        clock,
        {"take": lambda emit, c: SessionReplay(config, emit, c)},
        {"sink": lambda wires, c: RecordingBridge(RecordingConfig(), wires, c)},
    )
    controls: list[np.ndarray] = []

    def keep(tick: Tick, packets: Sequence[SensorPacket], step: Step) -> None:
        controls.append(step.controls[0])

    service.listeners.append(keep)
    run_virtual(clock, service.run())
    played = np.array(controls)
    assert len(played) == service.telemetry.ticks > 150_000
    assert service.telemetry.skipped == 0
    assert service.telemetry.held == 0
    assert np.isfinite(played).all()
    assert played.min() >= 0
    assert played.max() <= 1
    assert service.telemetry.coverage(0, "motion") > 0.99
    assert service.telemetry.coverage(0, "heart") > 0.95
    assert (np.ptp(np.percentile(played, [1, 99], axis=0), axis=0) > 0.2).all()  # every control was played
    bridge = service.bridges["sink"]
    assert isinstance(bridge, RecordingBridge)
    for name in CONTROL_NAMES:
        wire, values = bridge.controls[name], np.array(bridge.values(name))
        assert np.isfinite(values).all()
        assert values.min() >= wire.lo
        assert values.max() <= wire.hi


def test_its_exact_replay_says_what_it_found(take: Path) -> None:
    report = replay_take(take, make_core())
    assert report.ok
    assert report.packets > 100_000
    assert "0 skipped" in report.text()
    assert "motion 100.0 %" in report.text()
