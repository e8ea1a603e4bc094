"""The recorder's parts: the core's state as a file, which sources are live, how long the disk lasts, its own thread."""

from __future__ import annotations

import itertools
import json
import threading
from pathlib import Path

import numpy as np
import pytest
from recorded_shows import RecordedShow
from session_samples import some_packets
from shows import PERIOD, make_core, make_recorder
from structlog.testing import capture_logs

from choreo_service.clock import NS, VirtualClock, run_virtual
from choreo_service.config import RecorderSettings
from choreo_service.errors import SessionError
from choreo_service.packets import SensorPacket
from choreo_service.recorder import Ready
from choreo_service.recorder.room import Room
from choreo_service.replay import first_difference
from choreo_service.service.models import load_models
from choreo_service.session.state import dump_state, load_state

MB = 1 << 20


@pytest.mark.parametrize("performers", [1, 3])
def test_a_core_goes_on_from_its_state_bit_for_bit(tmp_path: Path, repo_root: Path, performers: int) -> None:
    packets = list(some_packets(900, performers=performers))

    def played(core: object, first: int, last: int) -> list[object]:
        steps = []
        for k in range(first, last):
            due_ns = NS + k * PERIOD
            mine = [p for p in packets if due_ns - PERIOD < p.t_ns <= due_ns]
            steps.append(core.step(k, 1, due_ns, mine))  # type: ignore[attr-defined]
        return steps

    def models() -> object:
        return load_models(repo_root / "checkpoints", performers=performers, period_ns=PERIOD)

    core = make_core(performers, models())  # type: ignore[arg-type]
    played(core, 1, 200)
    (tmp_path / "state.json").write_bytes(dump_state(core.state()))
    other = make_core(performers, models())  # type: ignore[arg-type]
    other.load_state(load_state(tmp_path / "state.json"))
    pairs = zip(played(core, 200, 400), played(other, 200, 400), strict=True)
    assert [d for a, b in pairs if (d := first_difference(a, b))] == []  # type: ignore[arg-type]


def test_a_state_keeps_every_value(tmp_path: Path) -> None:
    state = {
        "special": np.array([np.nan, -np.inf, -0.0, 5e-324]),
        "complex": np.array([[1 + 2j]]),
        "empty": np.zeros((0, 3), np.float32),
        "numbers": [1, -(2**62), 0.1, None, True],
        "nested": {"flags": np.array([True, False])},
    }
    (tmp_path / "state.json").write_bytes(dump_state(state))
    found = load_state(tmp_path / "state.json")
    for name in ("special", "complex", "empty"):
        assert found[name].tobytes() == state[name].tobytes()  # type: ignore[union-attr]
        assert (found[name].shape, found[name].dtype) == (state[name].shape, state[name].dtype)  # type: ignore[union-attr]
    assert found["numbers"] == state["numbers"]
    assert found["nested"]["flags"].tolist() == [True, False]
    found["special"][0] = 1.0  # the core may write into what it was given


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{",
        b"[" * 100_000,
        json.dumps({"a": {"__array__": "object", "shape": [1], "data": ""}}).encode(),
        json.dumps({"a": {"__array__": "float64", "shape": [1 << 40], "data": ""}}).encode(),
        json.dumps({"a": {"__array__": "float64", "shape": [1]}}).encode(),
        json.dumps({"a": {"__array__": ["float64"], "shape": [1], "data": ""}}).encode(),
        json.dumps({"a": {"__array__": "float64", "shape": [1], "data": "!"}}).encode(),
    ],
)
def test_anything_else_is_no_state(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "state.json").write_bytes(content)
    with pytest.raises(SessionError, match="no state of a core"):
        load_state(tmp_path / "state.json")


def packet(t_s: float, stream: str, source: str) -> SensorPacket:
    t_ns = round(t_s * NS)
    return SensorPacket(stream, 0, 0, t_ns, t_ns, None, source, (0.0,))


def test_a_source_is_live_for_as_long_as_its_modality_may_be_silent() -> None:
    ready = Ready(["phone", "strap"])
    assert ready.missing(0) == ["phone", "strap"]
    ready.hear([packet(1, "acceleration", "phone:hip"), packet(1, "heart_rate", "strap")])
    assert ready.missing(1 * NS) == []
    assert ready.missing(3 * NS) == ["phone"]  # motion may be silent for a moment, a heart for seconds
    assert ready.missing(10 * NS) == ["phone", "strap"]
    ready.hear([packet(10, "acceleration", "phone")])
    assert ready.missing(10 * NS) == ["strap"]
    assert Ready([]).missing(0) == []


def test_minutes_left_count_the_room_that_finishing_needs() -> None:
    room = Room(RecorderSettings(keep_free_mb=100))
    with capture_logs() as logs:
        assert room.look(free=10_000 * MB, written=0, elapsed_s=0.0) == "fine"
        room.look(free=300 * MB, written=1 * MB, elapsed_s=0.4)  # what every take begins with is no rate
        assert room.minutes_left == float("inf")
        room.look(free=1300 * MB, written=60 * MB, elapsed_s=60.0)  # 1 MB a second, twice: once live, once finished
        assert room.minutes_left == pytest.approx((1200 - 60) / 2 / 60)
        room.look(free=1290 * MB, written=61 * MB, elapsed_s=61.0)
        assert room.look(free=150 * MB, written=62 * MB, elapsed_s=62.0) == "leave out latents"
        assert room.look(free=100 * MB, written=63 * MB, elapsed_s=63.0) == "stop"
    said = [(e["event"], e["minutes_left"]) for e in logs]
    assert said == [("recording.disk_low", 9.5), ("recording.disk_low", 0.0)]  # each threshold once


def test_a_sync_that_hangs_stalls_the_thread_alone(tmp_path: Path) -> None:
    """The writer's real thread: the whole show plays while the disk does not answer, and everything is kept."""
    show = RecordedShow()
    show.writing = False  # the thread does it
    answer, hanging = threading.Event(), threading.Event()

    def hang() -> None:
        hanging.set()
        answer.wait(30)

    show.disk.on_sync = hang
    show.recorder.start()
    show.recorder.run_threads()
    run_virtual(show.clock, show.service.run(seconds=30))
    assert hanging.wait(30)
    facts = show.recorder.health()
    assert facts["accepted"] == show.service.telemetry.ticks
    assert facts["durable"] < facts["accepted"]
    assert show.service.telemetry.skipped == 0
    answer.set()
    (take,) = show.finished(tmp_path)
    assert take.meta["ticks"] == show.service.telemetry.ticks


def test_the_tick_calls_the_writer_ten_times_a_second_while_a_take_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Right after its own work, so that the two don't meet."""
    show, called = RecordedShow(), list[int]()
    monkeypatch.setattr(show.recorder._writer, "hurry", lambda: called.append(show.clock.now_ns()))
    show.at(1, show.recorder.start)
    show.at(3, show.recorder.stop)
    run_virtual(show.clock, show.service.run(seconds=4))
    assert len(called) == pytest.approx(20, abs=1)
    assert {b - a for a, b in itertools.pairwise(called)} == {NS // 10}


def test_the_recorders_own_bug_ends_the_recording_not_the_show(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: object, items: object) -> None:
        raise ZeroDivisionError("a bug")

    clock = VirtualClock()
    recorder = make_recorder(clock, make_core(), disk=RecordedShow().disk)
    monkeypatch.setattr("choreo_service.recorder.live.LiveTake.add", broken)
    with capture_logs() as logs:
        recorder.start()
        recorder.run_threads()
        recorder.note("anything")
        assert recorder.close()
    assert [(e["event"], e["cause"]) for e in logs if e["event"] == "recording.failed"] == [
        ("recording.failed", "ZeroDivisionError: a bug")
    ]
    recorder.note("the show goes on")


def test_what_waits_in_memory_is_bounded_by_time_and_by_size() -> None:
    def bound(performers: int, **settings: object) -> int:
        return make_recorder(VirtualClock(), make_core(performers), **settings)._bound  # type: ignore[arg-type]

    assert bound(1, queue_s=10.0) == 500
    assert bound(64, queue_s=3600.0, latents=True) < bound(64, queue_s=3600.0) < bound(1, queue_s=3600.0) < 180_000
