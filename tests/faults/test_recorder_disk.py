"""A disk that is full, slow, faulty or without power: the show goes on, and the take keeps what it was promised to."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from recorded_shows import WRITE_TICKS, RecordedShow, recovered
from shows import make_core
from structlog.testing import capture_logs

from choreo_service.clock import MS, NS, run_virtual
from choreo_service.replay import replay_take, take_entries
from choreo_service.session import Session, recorded_ticks
from choreo_service.testing.disk import Remains
from choreo_service.ticker import Tick

PERIOD_S = 0.02


def events(logs: Sequence[Mapping[str, object]]) -> list[str]:
    names = [str(e["event"]) for e in logs]
    return [name.removeprefix("recording.") for name in names if name.startswith("recording.")]


def ticks(take: Session) -> list[int]:
    return [k for k, _, _ in recorded_ticks(take)]


def played(show: RecordedShow) -> list[int]:
    return [entry.k for entry in show.tape.entries]


def test_a_full_disk_that_is_freed_again_costs_nothing(tmp_path: Path) -> None:
    show = RecordedShow(keep_free_mb=0)
    show.recorder.start()
    show.at(2, lambda: setattr(show.disk, "capacity", show.disk.used + 1000))
    show.at(5, lambda: setattr(show.disk, "capacity", 1 << 40))
    with capture_logs() as logs:
        run_virtual(show.clock, show.service.run(seconds=8))
        (take,) = show.finished(tmp_path)
    assert ticks(take) == played(show)
    assert take.meta["lost_rows"] == {}
    assert replay_take(take.path, make_core()).ok
    assert events(logs) == ["started", "stalled", "lag", "resumed", "ended"]
    assert show.service.telemetry.skipped == 0


def test_a_disk_that_stays_full_ends_the_recording_and_keeps_what_is_there(tmp_path: Path) -> None:
    show = RecordedShow(keep_free_mb=0, queue_s=2)
    show.recorder.start()
    show.at(2, lambda: setattr(show.disk, "capacity", show.disk.used + 1000))
    with capture_logs() as logs:
        run_virtual(show.clock, show.service.run(seconds=8))
    assert show.service.telemetry.ticks > 395  # the show went on
    assert show.recorder.health()["state"] == "ended"
    ended = next(e for e in logs if e["event"] == "recording.ended")
    assert ended["reason"] == f"the disk did not take it any more: {os.strerror(errno.ENOSPC)}"
    assert ended["dropped"] > 0
    (take,) = show.finished(tmp_path)
    kept = ticks(take)
    assert kept == played(show)[: len(kept)]
    assert len(kept) * PERIOD_S == pytest.approx(2.0, abs=0.3)
    assert replay_take(take.path, make_core()).ok


def test_little_room_is_announced_latents_go_first_and_the_show_plays_on() -> None:
    show = RecordedShow(keep_free_mb=1, latents=True)
    show.recorder.start()

    def leave(mb: float) -> None:
        show.disk.capacity = show.disk.used + round(mb * (1 << 20))

    show.at(4, lambda: leave(100))
    show.at(9, lambda: leave(8))
    show.at(14, lambda: leave(1.5))
    show.at(20, lambda: leave(0.9))
    with capture_logs() as logs:
        run_virtual(show.clock, show.service.run(seconds=30))
    said = events(logs)
    assert said == ["started", "disk_low", "disk_low", "latents_left_out", "ended"]
    low = [e["minutes_left"] for e in logs if e["event"] == "recording.disk_low"]
    assert 30 > low[0] > low[1]
    assert "less than 1 MB left" in next(str(e["reason"]) for e in logs if e["event"] == "recording.ended")
    assert show.service.telemetry.ticks > 1490


@pytest.mark.parametrize("code", [errno.EIO, errno.EROFS])
def test_a_faulty_disk_is_said_once_and_never_stops_the_show(tmp_path: Path, code: int) -> None:
    show = RecordedShow()
    show.recorder.start()
    show.at(2, lambda: setattr(show.disk, "fault", OSError(code, os.strerror(code))))
    with capture_logs() as logs:
        run_virtual(show.clock, show.service.run(seconds=20))
        (take,) = show.finished(tmp_path)
    assert events(logs) == ["started", "stalled", "lag", "ended"]
    assert show.service.telemetry.skipped == 0
    assert len(ticks(take)) * PERIOD_S == pytest.approx(2.0, abs=0.3)


def test_a_disk_that_cannot_even_begin_is_tried_again(tmp_path: Path) -> None:
    show = RecordedShow()
    show.disk.fault = OSError(errno.EROFS, os.strerror(errno.EROFS))
    show.recorder.start("late")
    show.at(1, lambda: setattr(show.disk, "fault", None))
    run_virtual(show.clock, show.service.run(seconds=3))
    (take,) = show.finished(tmp_path)
    assert ticks(take) == played(show)


def test_a_writer_that_hangs_for_two_seconds_costs_neither_ticks_nor_rows(tmp_path: Path) -> None:
    show = RecordedShow()
    show.recorder.start()
    show.at(3, lambda: setattr(show, "writing", False))
    show.at(5.2, lambda: setattr(show, "writing", True))
    with capture_logs() as logs:
        run_virtual(show.clock, show.service.run(seconds=8))
        (take,) = show.finished(tmp_path)
    assert ticks(take) == played(show)
    assert show.service.telemetry.skipped == 0
    lag = next(e for e in logs if e["event"] == "recording.lag")
    assert lag["durable_lag_s"] == pytest.approx(2.0, abs=0.1)


@pytest.mark.parametrize("moment_ms", range(2_000, 4_000, 70))
def test_a_power_cut_costs_at_most_1_2_s(tmp_path: Path, moment_ms: int) -> None:
    show = RecordedShow()
    show.recorder.start()
    seen: list[tuple[int, Remains]] = []
    show.at(moment_ms / 1000, lambda: seen.append((show.recorder.health()["durable"], show.disk.after_power_cut())))
    run_virtual(show.clock, show.service.run(seconds=4.2))
    durable, remains = seen[0]
    (take,) = recovered(remains, tmp_path)
    kept = ticks(take)
    before = [e.k for e in show.tape.entries if e.t_ns <= NS + moment_ms * MS]
    assert kept == before[: len(kept)]
    assert len(kept) >= durable > 0
    assert (len(before) - len(kept)) * PERIOD_S <= 1.2
    assert replay_take(take.path, make_core()).ok
    assert take.meta["ended"].startswith("cut off")


def test_a_slow_sync_makes_no_write_late_and_is_called_safe_when_it_is(tmp_path: Path) -> None:
    """A round of syncs takes 1.5 s to 2 s: 0.5 for each stream that was written."""
    show = RecordedShow(sync_s=0.5)
    show.recorder.start()
    seen: list[tuple[int, int, Remains, Remains]] = []
    behind: list[int] = []

    def look(*_: object) -> None:
        facts = show.recorder.health()
        behind.append(facts["accepted"] - facts["written"])
        if len(behind) > 170 and len(behind) % 23 == 0:
            remains = show.disk.after_kill(), show.disk.after_power_cut()
            seen.append((show.clock.now_ns(), facts["durable"], *remains))

    show.service.listeners.append(look)
    run_virtual(show.clock, show.service.run(seconds=10))
    assert max(behind) <= WRITE_TICKS
    assert len({durable for _, durable, _, _ in seen}) >= 3
    for i, (now_ns, durable, killed, cut) in enumerate(seen):
        (take,) = recovered(killed, tmp_path / f"killed{i}")
        lost = [e for e in show.tape.entries[len(ticks(take)) :] if e.t_ns <= now_ns]
        assert ticks(take) == played(show)[: len(ticks(take))]
        assert not lost or now_ns - lost[0].t_ns <= 300 * MS
        (take,) = recovered(cut, tmp_path / f"cut{i}")
        assert len(ticks(take)) >= durable > 0
    (take,) = show.finished(tmp_path)
    assert ticks(take) == played(show)
    assert show.recorder.health()["state"] == "idle"


def test_a_writer_that_dies_is_announced_and_costs_the_recording_alone(tmp_path: Path) -> None:
    """By a bug of its own, which is no OSError; the next take is written as if nothing had been."""
    show = RecordedShow()
    show.writing = False  # but as the threads do it:
    recorder = show.recorder

    def rounds(tick: Tick, *_: object) -> None:
        if tick.k % WRITE_TICKS == 0:
            recorder._guarded(recorder.work)
            recorder._guarded(recorder.sync)

    show.service.listeners.append(rounds)

    def die() -> None:
        raise ZeroDivisionError("a bug")

    show.recorder.start("first")
    show.at(2, lambda: setattr(show.disk, "on_sync", die))
    show.at(5, lambda: setattr(show.disk, "on_sync", lambda: None))
    show.at(5, lambda: show.recorder.start("second"))
    with capture_logs() as logs:
        run_virtual(show.clock, show.service.run(seconds=8))
        takes = {take.path.name: take for take in show.finished(tmp_path)}
    assert show.service.telemetry.skipped == 0
    assert events(logs) == ["started", "failed", "ended", "started", "ended"]
    assert next(e for e in logs if e["event"] == "recording.failed")["cause"] == "ZeroDivisionError: a bug"
    assert ticks(takes["first"]) == played(show)[: len(ticks(takes["first"]))]
    assert len(ticks(takes["first"])) * PERIOD_S >= 2.0
    assert ticks(takes["second"]) == played(show)[-len(ticks(takes["second"])) :]
    assert all(replay_take(take.path, make_core()).ok for take in takes.values())


def test_what_a_faulty_disk_ended_is_not_called_safe(tmp_path: Path) -> None:
    """It was written and never synced: a power cut after the end takes it."""
    show = RecordedShow()
    show.recorder.start()
    recording = show.recorder._current
    assert recording is not None
    show.at(2.5, lambda: setattr(show.disk, "fault", OSError(errno.EIO, os.strerror(errno.EIO))))
    show.at(2.6, show.recorder.stop)
    run_virtual(show.clock, show.service.run(seconds=4))
    assert recording.over
    (take,) = recovered(show.disk.after_power_cut(), tmp_path)
    assert len(ticks(take)) == recording.durable < recording.written


@pytest.mark.parametrize("newer", ["steps", "packets"])
def test_steps_never_outlive_their_packets(tmp_path: Path, newer: str) -> None:
    """A power cut may keep one file's newest pages and not another's."""
    show = RecordedShow()
    show.recorder.start()
    seen: list[tuple[Remains, Remains]] = []
    show.at(2.5, lambda: seen.append((show.disk.after_power_cut(), show.disk.after_kill())))
    run_virtual(show.clock, show.service.run(seconds=3))
    synced, flushed = seen[0]
    (take,) = recovered({p: (flushed if newer in p.name else synced)[p] for p in flushed}, tmp_path)
    assert replay_take(take.path, make_core()).ok
    assert list(take_entries(take, 20 * MS)) == show.tape.entries[: len(ticks(take))]
    assert len(ticks(take)) > 70
