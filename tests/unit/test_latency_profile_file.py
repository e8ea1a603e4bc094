"""A profile of a latency that is measured again: the old one is there until the new one is whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml

from choreo_service import disk
from choreo_service.cli.calibrate.latency import _keep
from choreo_service.config import load_settings
from choreo_service.errors import ChoreoError
from choreo_service.latency import Measured
from choreo_service.latency.onsets import Judged


def test_a_disk_that_refuses_leaves_the_old_profile(
    tmp_path: Path, repo_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bridge = load_settings(home=repo_root, environ={}).bridges["midi"]
    measured = Measured(Judged(np.full(25, 0.04), 0, 0), xruns=0, gaps=0, own_delay_ms=0.0)
    path = tmp_path / "latency" / "mine.yaml"
    _keep(path, measured, bridge, "jack")
    old = path.read_text()
    assert yaml.safe_load(old)["median_ms"] == 40.0
    path.with_suffix(".yaml.new").write_text("of somebody's")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(disk.os, "fsync", full)
    with pytest.raises(ChoreoError, match="No space left"):
        _keep(path, measured, bridge, "device")
    assert path.read_text() == old
    assert sorted(other.name for other in path.parent.iterdir()) == ["mine.yaml", "mine.yaml.new"]
