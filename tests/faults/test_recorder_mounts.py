"""The recorder on real file systems: the power goes, a disk fills up and is freed. CHOREO_CUTS=50 cuts as often
(`make crashes`).

What a stall of the machine may stretch is printed, and judged only where cuts were asked for: nothing is promised for
a second in which the process does not run.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from rig import mounts
from rig.process import wait_until
from rig.recording import RecordingProcess, lost_s

from choreo_service.cli import choreo
from choreo_service.cli.failure import exit_code_of
from choreo_service.clock import monotonic_ns
from choreo_service.recorder import recover, unfinished
from choreo_service.session import Session, open_session, recorded_ticks

CUTS: Final = int(os.environ.get("CHOREO_CUTS", "2"))
LOST_S: Final = 1.2 if "CHOREO_CUTS" in os.environ else 20.0
PATIENCE_S: Final = 60.0


@pytest.fixture(autouse=True)
def _mountable() -> None:
    if reason := mounts.refusal():
        pytest.skip(reason)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[mounts.CutDisk]:
    with mounts.cut_disk(tmp_path) as disk:
        yield disk


def test_the_cut_takes_what_was_not_synced_and_nothing_else(disk: mounts.CutDisk) -> None:
    (disk.path / "synced").write_bytes(b"kept")
    os.sync()
    (disk.path / "written").write_bytes(b"lost")
    disk.cut()
    with pytest.raises(OSError):
        (disk.path / "later").write_bytes(b"too late")
    disk.power_off()
    disk.power_on()
    assert {p.name: p.read_bytes() for p in disk.path.iterdir() if p.is_file()} == {"synced": b"kept"}


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(CUTS))
def test_what_was_called_durable_survives_a_power_cut(
    tmp_path: Path, disk: mounts.CutDisk, seed: int, losses: list[float]
) -> None:
    process = RecordingProcess(tmp_path, disk.path / "recordings", keep_free_mb=0)
    try:
        process.start(timeout_s=PATIENCE_S)
        time.sleep(random.Random(seed).uniform(0.5, 3.0))
        durable = process.health()["durable"]
        disk.cut()
        cut_ns = monotonic_ns()
        process.kill()
    finally:
        process.stop()
    disk.power_off()
    disk.power_on()
    ((_, take),) = recover(unfinished(process.takes))
    assert isinstance(take, Session)
    lost = lost_s(take, cut_ns)
    losses.append(lost)
    assert len(ticks(take)) >= durable
    assert take.meta["lost_rows"] == {}
    assert take.meta["ended"].startswith("cut off")
    assert exit_code_of(choreo, ["replay", str(take.path)]) == 0
    assert lost <= LOST_S


@pytest.mark.slow
def test_a_full_disk_that_is_freed_costs_nothing(tmp_path: Path) -> None:
    with mounts.small_disk(tmp_path / "small", 8) as small:
        process = RecordingProcess(tmp_path, small / "recordings", keep_free_mb=0)
        try:
            process.start(timeout_s=PATIENCE_S)
            ballast = _fill(small)
            _wait_for(process, "stalled")
            before = process.health()["accepted"]
            wait_until(lambda: process.health()["accepted"] > before + 20, "the show goes on", PATIENCE_S)
            ballast.unlink()
            _wait_for(process, "recording")
            assert process.stop() == 0
        finally:
            process.stop()
        take = open_session(process.takes / "show")
        assert exit_code_of(choreo, ["replay", str(take.path)]) == 0
        ended = _logged(process, "recording.ended")
        assert (ended["ticks"], ended["dropped"]) == (len(ticks(take)), 0)
        assert take.meta["lost_rows"] == {}
        assert _logged(process, "recording.stalled")["cause"] == "No space left on device"
        assert _logged(process, "recording.resumed")["stalled_s"] > 0


@pytest.mark.slow
def test_a_disk_that_stays_full_ends_the_take_and_not_the_show(tmp_path: Path) -> None:
    with mounts.small_disk(tmp_path / "small", 8) as small:
        process = RecordingProcess(tmp_path, small / "recordings", keep_free_mb=0, queue_s=1)
        try:
            process.start(timeout_s=PATIENCE_S)
            ballast = _fill(small)
            _wait_for(process, "ended")
            ballast.unlink()  # finishing needs room
            assert process.alive
            assert process.stop() == 0
        finally:
            process.stop()
        wait_until(lambda: _made(process.takes), "the take is finished, here or by the show's helper", PATIENCE_S)
        take = open_session(process.takes / "show")
        assert exit_code_of(choreo, ["replay", str(take.path)]) == 0
        assert _logged(process, "recording.ended")["ticks"] <= len(ticks(take))


def _made(takes: Path) -> bool:
    """Whether `show` is a take by now; what nobody is finishing, for it found no room before, is finished here."""
    list(recover(unfinished(takes)))
    return (takes / "show" / "meta.json").is_file()


def ticks(take: Session) -> list[int]:
    return [k for k, _, _ in recorded_ticks(take)]


def _fill(folder: Path) -> Path:
    """A file that takes all the room there is, to the last byte."""
    ballast = folder / "ballast"
    with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
        while file.write(bytes(4096)) == 4096:
            pass
    return ballast


def _wait_for(process: RecordingProcess, state: str) -> None:
    wait_until(lambda: process.health()["state"] == state, f"the recorder is {state}", PATIENCE_S)


def _logged(process: RecordingProcess, event: str) -> dict[str, Any]:
    """The last line of the log about this event."""
    lines = [json.loads(line) for line in process.output().splitlines() if line.startswith("{")]
    return next(line for line in reversed(lines) if line["event"] == event)
