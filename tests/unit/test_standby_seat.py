"""An engine's seat: what the watcher says is done, what a model leaves that can't be kept stops nothing."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest
from seats import GO, seated
from structlog.testing import capture_logs

from choreo_service.standby.packing import pack


@pytest.mark.asyncio(loop_factories=["asyncio", "uvloop"])
async def test_it_goes_on_with_what_was_left() -> None:
    with seated(first=False) as (seat, watcher, mirror):
        mirror.write(pack({"t_ns": 5, "k": 7}), [pack("came later")])
        watcher.send("go", **GO)
        turn = await seat.turn()
        assert turn is not None
        assert (turn.cause, turn.state, turn.notes) == ("hung", {"t_ns": 5, "k": 7}, ["came later"])
        assert [message.what for message in watcher.receive()] == ["warm"]
        told: list[tuple[str, float]] = []
        seat.on_took_over.append(lambda cause, gap_ms: told.append((cause, gap_ms)))
        with capture_logs() as log:
            seat.tick(60_000_005, {"t_ns": 9}, ())
            seat.tick(80_000_005, {"t_ns": 9}, ())
        assert told == [("hung", 60.0)]
        assert [(e["event"], e["gap_ms"]) for e in log] == [("standby.took_over", 60.0)]
        assert mirror.read() == (pack({"t_ns": 9}), [])
        assert seat.facts()["takeovers"] == 1


@pytest.mark.asyncio(loop_factories=["asyncio"])
async def test_a_spare_whose_watcher_is_gone_is_not_needed() -> None:
    with seated(first=False) as (seat, watcher, _):
        watcher.close()
        with capture_logs() as log:
            assert await seat.turn() is None
        assert log == []


@pytest.mark.asyncio(loop_factories=["asyncio"])
async def test_one_that_plays_says_that_its_watcher_is_gone() -> None:
    with seated(first=True) as (seat, watcher, _), capture_logs() as log:
        watcher.send("go", **{**GO, "takeovers": 0})
        watcher.close()
        assert await seat.turn() is not None
        for _ in range(10):
            await asyncio.sleep(0)
        assert seat.alone
        assert seat.facts()["spare"] == "nobody watches"
    assert [e["event"] for e in log] == ["standby.alone"]


@pytest.mark.asyncio(loop_factories=["asyncio"])
async def test_a_state_that_cannot_be_kept_is_said_once_and_the_heart_beats_on() -> None:
    with seated(first=True) as (seat, _, mirror), capture_logs() as log:
        for _ in range(3):
            seat.tick(1, {"model": {1, 2}}, ())
        assert mirror.beats == 3
    assert [e["event"] for e in log] == ["standby.state_unfit"]
    assert "state of type set" in log[0]["cause"]


@pytest.mark.asyncio(loop_factories=["asyncio"])
async def test_news_of_the_spare_reach_log_and_telemetry() -> None:
    with seated(first=True) as (seat, watcher, _), capture_logs() as log:
        watcher.send("spare", state="failed", cause="ended with exit code 2", retry_s=1.0)
        watcher.send("go", **{**GO, "takeovers": 0})
        await seat.turn()
        assert seat.facts()["spare"] == "failed"
    assert [(e["event"], e["log_level"]) for e in log] == [("standby.failed", "warning")]


@pytest.mark.asyncio(loop_factories=["asyncio"])
@pytest.mark.parametrize(("playing", "warns"), [("ab12", False), ("cd34", True)], ids=["same", "others"])
async def test_a_spare_that_has_read_other_models_is_noticed_before_it_plays(playing: str, warns: bool) -> None:
    with seated(first=True) as (seat, watcher, _), capture_logs() as log:
        seat.playing = lambda: playing
        watcher.send("spare", state="warm", took_s=1.0, models="ab12")
        watcher.send("go", **{**GO, "takeovers": 0})
        await seat.turn()
    assert [e["event"] for e in log] == ["standby.warm", *["standby.other_models"] * warns]


PRIORITIES = """
import os
from choreo_service.service.succession import ask_for_realtime
from choreo_service.standby.channel import VARIABLE, Channel
from choreo_service.standby.mirror import make_memory
from choreo_service.standby.seat import take_seat
import socket

ours, theirs = socket.socketpair()
os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(3))
take_seat({VARIABLE: f"{theirs.detach()} {make_memory()} spare"})
print(os.sched_getscheduler(0) == os.SCHED_OTHER)
ask_for_realtime(5)
print(os.sched_getscheduler(0) & ~os.SCHED_RESET_ON_FORK == os.SCHED_FIFO, os.sched_getparam(0).sched_priority)
"""


def test_real_time_priority_comes_with_the_turn_and_not_before() -> None:
    told = subprocess.run([sys.executable, "-c", PRIORITIES], capture_output=True, text=True, timeout=60)
    if "PermissionError" in told.stderr:
        pytest.skip("real-time priority isn't permitted here")
    assert told.stdout.split() == ["True", "True", "5"]
