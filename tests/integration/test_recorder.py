"""What a recorded take holds: everything that was played and sent, from wherever it began, and it replays exactly."""

from __future__ import annotations

import stat
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from recorded_shows import RecordedShow
from shows import make_core
from structlog.testing import capture_logs

from choreo_service.clock import MS, run_virtual
from choreo_service.commands import Marker, Record, Resend
from choreo_service.disk import RealDisk
from choreo_service.errors import SessionError
from choreo_service.packets import CONTROL_NAMES
from choreo_service.recorder import finish
from choreo_service.recorder.live import LiveTake, Played
from choreo_service.replay import first_difference, replay_take, take_entries
from choreo_service.session import recorded_steps, write_session


def test_a_take_is_the_show(tmp_path: Path) -> None:
    show = RecordedShow()
    show.recorder.start("show", ["rehearsal"])
    show.at(2, lambda: show.clock.advance(130 * MS))  # skipped ticks are part of it
    run_virtual(show.clock, show.service.run(seconds=6))
    (take,) = show.finished(tmp_path)
    assert take.path == tmp_path / "recordings" / "show"
    assert show.service.telemetry.skipped >= 5
    entries = list(take_entries(take, 20 * MS))
    assert entries == show.tape.entries
    steps = list(recorded_steps(take))
    assert [d for a, b in zip(show.tape.steps, steps, strict=True) if (d := first_difference(a, b))] == []
    assert take.meta["tags"] == ["rehearsal"]
    assert take.meta["ended"] == "the show ended"
    assert take.meta["lost_rows"] == {}
    assert [path.name for path in (tmp_path / "recordings").iterdir()] == ["show"]  # nothing of the recording is left


def test_what_was_sent_is_what_the_bridge_got(tmp_path: Path) -> None:
    show = RecordedShow()
    show.recorder.start()
    run_virtual(show.clock, show.service.run(seconds=4))  # and the ease to neutral after it
    (take,) = show.finished(tmp_path)
    rows = take.table("sent").to_pylist()
    got = [(p.k, p.t_ns, p.performer, "sink", n, p.value(n)) for p, names in show.bridge.packets for n in names]
    assert [tuple(row.values()) for row in rows] == got
    assert {row["control"] for row in rows} == set(CONTROL_NAMES)
    assert rows[-1]["k"] > show.tape.entries[-1].k


@pytest.mark.parametrize("performers", [1, 3])
def test_a_take_begun_in_the_middle_replays_exactly(tmp_path: Path, performers: int) -> None:
    show = RecordedShow(performers=performers)
    show.at(3, show.recorder.start)
    run_virtual(show.clock, show.service.run(seconds=6))
    (take,) = show.finished(tmp_path)
    report = replay_take(take.path, make_core(performers))
    assert report.compared == pytest.approx(150, abs=3)
    assert report.difference == ""
    assert take_entries(take, 20 * MS).__next__().k > 100


def test_a_state_of_another_core_is_explained(tmp_path: Path) -> None:
    show = RecordedShow(performers=2)
    show.recorder.start()
    run_virtual(show.clock, show.service.run(seconds=1))
    (take,) = show.finished(tmp_path)
    with pytest.raises(SessionError, match="begun by another core"):
        replay_take(take.path, make_core(3))


def test_from_another_state_it_would_not(tmp_path: Path) -> None:
    """The state is what makes it exact: the same packets through a fresh core give other controls."""
    show = RecordedShow()
    show.at(3, show.recorder.start)
    run_virtual(show.clock, show.service.run(seconds=6))
    (take,) = show.finished(tmp_path)
    core = make_core()
    replayed = [core.step(e.k, e.dk, e.t_ns, e.packets) for e in take_entries(take, core.period_ns)]
    found = [first_difference(a, b) for a, b in zip(recorded_steps(take), replayed, strict=True)]
    assert any(found)


def test_a_difference_is_named_by_field(tmp_path: Path) -> None:
    show = RecordedShow()
    show.recorder.start()
    run_virtual(show.clock, show.service.run(seconds=2))
    (take,) = show.finished(tmp_path)
    assert "times as fast as the show" in replay_take(take.path, make_core()).text()
    steps = list(recorded_steps(take))
    controls = steps[36].controls.copy()
    controls[0, 1] = np.nextafter(controls[0, 1], np.float32(1))
    steps[36] = replace(steps[36], controls=controls)
    changed = write_session(tmp_path / "changed", packets=take.packets(), steps=steps, meta={"period_ns": 20 * MS})
    report = replay_take(changed.path, make_core())
    assert report.difference.startswith("tick 37: step.controls: expected [[")
    assert "DIFFERS: tick 37" in report.text()


def test_takes_follow_each_other_and_commands_and_markers_are_in_them(tmp_path: Path) -> None:
    show = RecordedShow()
    desk, answers = show.service.desk, []
    for second, command in (
        (0.5, Marker(text="too early")),
        (1, Record(on=True)),
        (1.5, Record(on=True)),
        (2, Marker(text="Einsatz ♩")),
        (2.5, Resend()),
        (3, Record()),
        (4, Record()),
    ):
        show.at(second, lambda command=command: answers.append(desk.submit(command, "keyboard").ok))  # type: ignore[misc]
    run_virtual(show.clock, show.service.run(seconds=5))
    assert answers == [False, True, False, True, True, True, True]
    first, second_take = show.finished(tmp_path)
    assert second_take.path.name == f"{first.path.name}_2" or second_take.path.name > first.path.name
    events = [(e["kind"], e["text"]) for e in first.table("events").to_pylist() if e["kind"] != "clock"]
    assert ("marker", "Einsatz ♩") in events
    assert ("command", "resend") in events
    assert [m["label"] for m in first.meta["markers"]] == ["Einsatz ♩"]
    assert first.meta["ended"] == "asked for"
    for take in (first, second_take):
        assert replay_take(take.path, make_core()).ok


def test_an_existing_take_is_never_overwritten(tmp_path: Path) -> None:
    """Neither a finished one nor one that another process is recording."""
    core, names = make_core(), []
    header = {"period_ns": core.period_ns, "performers": 1}
    for _ in range(3):
        takes = [LiveTake(RealDisk(), tmp_path, "take", header, core.state()) for _ in range(2)]
        for take in takes:
            take.open()
            take.add([Played((), core.step(1, 1, core.period_ns, ()))])
            take.flush(0)
        names.append([take.name for take in takes])
        for take in takes:
            take.close("asked for")
            assert finish(take.folder) is not None
    assert names == [["take", "take_2"], ["take_3", "take_4"], ["take_5", "take_6"]]
    assert len({(path / "meta.json").read_text() for path in tmp_path.iterdir()}) == 6


def test_a_recording_and_its_take_are_for_this_user_alone(tmp_path: Path, open_umask: None) -> None:
    core = make_core()
    recording = LiveTake(RealDisk(), tmp_path / "recordings", "take", {"period_ns": core.period_ns}, core.state())
    recording.open()
    recording.add([Played((), core.step(1, 1, core.period_ns, ()))])
    recording.flush(0)
    assert stat.S_IMODE(recording.folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in recording.folder.glob("*.arrows")} == {0o600}
    recording.close("asked for")
    take = finish(recording.folder)
    assert take is not None
    assert stat.S_IMODE(take.path.stat().st_mode) == 0o700


def test_it_begins_by_itself_when_what_it_needs_is_live(tmp_path: Path) -> None:
    show = RecordedShow(required=["phone"])
    show.recorder.start_when_ready("auto")
    assert show.recorder.health() == {"state": "waiting", "missing": ["phone"]}
    run_virtual(show.clock, show.service.run(seconds=2))
    (take,) = show.finished(tmp_path)
    assert take.meta["began_without"] == []
    assert 0 < take_entries(take, 20 * MS).__next__().k < 20
    assert replay_take(take.path, make_core()).ok


def test_a_take_begun_without_a_required_source_says_so(tmp_path: Path) -> None:
    show = RecordedShow(required=["phone", "strap"])
    show.at(1, lambda: show.service.desk.submit(Record(), "keyboard"))
    with capture_logs() as logs:
        run_virtual(show.clock, show.service.run(seconds=2))
    assert [e["missing"] for e in logs if e["event"] == "recording.without"] == [["strap"]]
    (take,) = show.finished(tmp_path)
    assert take.meta["began_without"] == ["strap"]


def test_counters_are_in_telemetry(tmp_path: Path) -> None:
    show = RecordedShow()
    show.recorder.start("show")
    run_virtual(show.clock, show.service.run(seconds=4))
    facts = show.service.telemetry.snapshot()["recorder"]
    assert facts["accepted"] == show.service.telemetry.ticks
    assert facts["accepted"] - facts["written"] < 10
    assert 0 < facts["durable"] <= facts["written"]
    assert facts["dropped"] == 0
    assert facts["state"] == "recording"
    assert facts["bytes"] > 10_000
