"""`kill -9` of a recording process at random moments, in real time: what matters is what the system had been given.

Each time the take must be readable and replay exactly, so that no damaged row was taken for a good one.
CHOREO_KILLS=200 kills as often (`make crashes`), and then none may lack more than 0.3 s; else that is only printed: a
machine that stalls is no recorder that loses.
"""

from __future__ import annotations

import os
import random
import time
from pathlib import Path
from typing import Final

import pytest
from rig.process import wait_until
from rig.recording import RecordingProcess, lost_s

from choreo_service.cli import choreo
from choreo_service.cli.failure import exit_code_of
from choreo_service.clock import monotonic_ns
from choreo_service.recorder import recover, unfinished
from choreo_service.service.finishing import finish_apart
from choreo_service.session import Session, open_session, recorded_ticks

KILLS: Final = int(os.environ.get("CHOREO_KILLS", "6"))
LOST_S: Final = 0.3 if "CHOREO_KILLS" in os.environ else 20.0


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(KILLS))
def test_killed_at_a_random_moment(tmp_path: Path, seed: int, losses: list[float]) -> None:
    process = RecordingProcess(tmp_path, tmp_path / "recordings")
    try:
        process.start(timeout_s=30)
        time.sleep(random.Random(seed).uniform(0.0, 1.2))
        process.kill()
        killed_ns = monotonic_ns()
    finally:
        process.stop()
    ((_, take),) = recover(unfinished(process.takes))
    assert isinstance(take, Session)
    lost = lost_s(take, killed_ns)
    losses.append(lost)
    assert exit_code_of(choreo, ["replay", str(take.path)]) == 0
    assert take.meta["ended"].startswith("cut off")
    assert take.meta["lost_rows"] == {}
    assert lost <= LOST_S


@pytest.mark.slow
def test_the_next_start_makes_a_take_of_what_was_left(tmp_path: Path) -> None:
    process = RecordingProcess(tmp_path, tmp_path / "recordings")
    process.start(timeout_s=30)
    process.kill()
    again = RecordingProcess(tmp_path, tmp_path / "recordings")
    try:
        again.start(timeout_s=30)
        wait_until((process.takes / "show" / "meta.json").is_file, "the next start finishes the take", timeout_s=60)
        assert "1 recording that had been cut off: made into takes meanwhile" in again.output()
        assert '"take": "show_2"' in again.output()
    finally:
        again.stop()
    assert exit_code_of(choreo, ["replay", str(process.takes / "show")]) == 0


@pytest.mark.slow
def test_a_take_that_ended_during_the_show_is_finished_by_another_process(tmp_path: Path) -> None:
    process = RecordingProcess(tmp_path, tmp_path / "recordings")
    process.start(timeout_s=30)
    process.kill()
    (folder,) = unfinished(process.takes)
    child = finish_apart(folder)
    assert child is not None
    assert child.wait(60) == 0
    assert not folder.exists()
    assert next(recorded_ticks(open_session(process.takes / "show")))
