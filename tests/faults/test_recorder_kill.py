"""`kill -9` of a recording process at random moments, in real time: what matters is what the system had been given.

CHOREO_KILLS=200 kills as often; each time the take must be readable, replay exactly, and lack 0.3 s at most.
"""

from __future__ import annotations

import json
import os
import random
import sys
import time
from pathlib import Path
from typing import Final

import pytest
from rig.process import Process, wait_until

from choreo_service.cli import choreo
from choreo_service.cli.failure import exit_code_of
from choreo_service.clock import NS
from choreo_service.recorder import recover, unfinished
from choreo_service.service.finishing import finish_apart
from choreo_service.session import Session, open_session, tick_list

KILLS: Final = int(os.environ.get("CHOREO_KILLS", "6"))
LOST_S: Final = 0.3
PERIOD_NS: Final = 20_000_000


class Recording(Process):
    """`choreo record` of a synthetic dancer, without receivers."""

    def __init__(self, folder: Path) -> None:
        self.takes = folder / "recordings"
        settings = {
            "sensors": {"phone": None, "dancer": {"type": "synthetic"}},
            "bridges": {"bars": None, "synth": None, "midi": None, "sink": {"type": "null"}},
            "recorder": {"folder": str(self.takes)},
        }
        (folder / "kill.yaml").write_text(json.dumps(settings))
        argv = (sys.executable, "-m", "choreo_service", "record", "--name", "show", "-c", str(folder / "kill.yaml"))
        super().__init__(argv)

    def is_ready(self) -> bool:
        return any(path.stat().st_size > 5000 for path in self.takes.glob(".*/steps-*"))


def lost_s(take: Session, killed_ns: int) -> float:
    """Age, when the process died, of the first thing the take lacks."""
    return max(0, killed_ns - tick_list(take)[-1][2] - PERIOD_NS) / NS


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(KILLS))
def test_killed_at_a_random_moment(tmp_path: Path, seed: int) -> None:
    process = Recording(tmp_path)
    try:
        process.start(timeout_s=30)
        time.sleep(random.Random(seed).uniform(0.0, 1.2))
        process.kill()
        killed_ns = time.monotonic_ns()
    finally:
        process.stop()
    ((_, take),) = recover(unfinished(process.takes))
    assert isinstance(take, Session)
    lost = lost_s(take, killed_ns)
    print(f"lost {lost:.3f} s of {take.meta['duration_s']:.2f} s")
    assert exit_code_of(choreo, ["replay", str(take.path)]) == 0
    assert take.meta["ended"].startswith("cut off")
    assert take.meta["lost_rows"] == {}
    assert lost <= LOST_S


@pytest.mark.slow
def test_the_next_start_makes_a_take_of_what_was_left(tmp_path: Path) -> None:
    process = Recording(tmp_path)
    process.start(timeout_s=30)
    process.kill()
    again = Recording(tmp_path)
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
    process = Recording(tmp_path)
    process.start(timeout_s=30)
    process.kill()
    (folder,) = unfinished(process.takes)
    child = finish_apart(folder)
    assert child is not None
    assert child.wait(60) == 0
    assert not folder.exists()
    assert tick_list(open_session(process.takes / "show"))
