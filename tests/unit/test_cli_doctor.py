"""`choreo doctor` and `choreo devices`: verdicts follow from facts, and what hangs or crashes takes nobody along."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from choreo_service import doctor, registry
from choreo_service.cli import choreo, shows
from choreo_service.cli.failure import exit_code_of
from choreo_service.clock import MS, VirtualClock, run_virtual
from choreo_service.config import Loaded, load_settings
from choreo_service.doctor import Finding, Report, adapters, midi, network, software, timing
from choreo_service.doctor.child import NoAnswer, ask
from choreo_service.errors import ConfigError
from choreo_service.service.spoken import waits_for


def _loaded(repo_root: Path, *overrides: str) -> Loaded:
    return load_settings(home=repo_root, environ={}, overrides=overrides)


def _quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only checks that need neither time nor drivers."""

    def nothing(*_: object) -> Iterator[Finding]:
        return iter(())

    for module, name in ((timing, "tick"), (timing, "priority"), (midi, "ports"), (network, "udp_ports")):
        monkeypatch.setattr(module, name, nothing)


def test_a_report_shows_every_finding_with_its_fix() -> None:
    report = Report((Finding("a", "ok", "fine"), Finding("bb", "warn", "so so", "do this")))
    assert report.text() == "ok    a   fine\nwarn  bb  so so\n          fix: do this\n1 ok, 1 to know, 0 to mend"
    assert report.exit_code == 0
    assert Report((*report.findings, Finding("c", "fail", "bad", "mend"))).exit_code == 1
    assert json.loads(report.to_json())["findings"][1]["fix"] == "do this"


def test_a_bad_configuration_is_a_finding_and_the_other_checks_still_run(monkeypatch: pytest.MonkeyPatch) -> None:
    _quiet(monkeypatch)

    def load() -> Loaded:
        raise ConfigError("mine.yaml:1:1: wrong", fix="mend it")

    report = doctor.examine(load, seconds=0.1)
    first, *others = report.findings
    assert first == Finding("configuration", "fail", "mine.yaml:1:1: wrong", "mend it")
    assert {f.name for f in others} >= {"python", "packages", "network"}
    assert report.exit_code == 1


def test_a_check_that_cannot_run_is_a_finding(monkeypatch: pytest.MonkeyPatch, repo_root: Path) -> None:
    _quiet(monkeypatch)

    def broken() -> Iterator[Finding]:
        raise OSError("no such thing")

    monkeypatch.setattr(software, "python", broken)
    report = doctor.examine(lambda: _loaded(repo_root), seconds=0.1)
    assert Finding("python", "warn", "could not be checked: OSError: no such thing", "report this to the authors") in (
        report.findings
    )


@pytest.mark.parametrize(
    ("late", "status"),
    [([0.1] * 99 + [4.0], "ok"), ([0.1] * 90 + [6.0] * 10, "warn"), ([30.0] * 100, "fail"), ([0.2], "ok")],
)
def test_lateness_is_judged_against_the_period(late: list[float], status: str) -> None:
    finding = timing.judge(late, 20.0)
    assert finding.status == status
    assert bool(finding.fix) == (status != "ok")


def test_lateness_is_measured_on_the_grid_and_missed_slots_are_skipped() -> None:
    class Stalling(VirtualClock):
        """Wakes 1 ms late, and once 45 ms late."""

        async def sleep_until(self, t_ns: int) -> None:
            await super().sleep_until(t_ns)
            self.advance(45 * MS if t_ns == start + 3 * 20 * MS else MS)

    clock = Stalling()
    start = clock.now_ns()
    late = run_virtual(clock, timing.lateness(clock, 20 * MS, 0.2))
    assert late == [1, 1, 45, 1, 1, 1, 1, 1]  # ticks 4 and 5 were over when tick 3 woke


@pytest.mark.skipif(not hasattr(os, "sched_setscheduler"), reason="this system has no real-time scheduling")
def test_real_time_priority_is_tried_and_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    before, asked = os.sched_getscheduler(0), list[int]()
    monkeypatch.setattr(os, "sched_setscheduler", lambda pid, policy, parameters: asked.append(policy))
    (permitted,) = timing.priority()
    assert (permitted.status, asked) == ("ok", [os.SCHED_FIFO, before])

    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "sched_setscheduler", refuse)
    (refused,) = timing.priority()
    assert refused.status == "warn"
    assert "rtprio" in refused.fix


@pytest.mark.parametrize(
    ("requirement", "expected"),
    [
        ("aiohttp>=3.14", ("aiohttp", "3.14", True)),
        ('rich>=14; extra == "lab"', ("rich", "14", False)),
        ("PyYAML", ("PyYAML", "", True)),
        ("x-y>=1,<2", ("x-y", "1", True)),
    ],
)
def test_requirement_lines_are_understood(requirement: str, expected: tuple[str, str, bool]) -> None:
    assert software.needed(requirement) == expected


def test_every_declared_package_is_looked_at() -> None:
    (finding,) = software.packages()
    assert finding.status == "ok"
    assert all(name in finding.found for name in ("aiohttp", "numpy", "PyYAML", "python-rtmidi"))


def test_an_old_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(software, "_version", lambda name: "0.1" if name == "numpy" else "999")
    (finding,) = software.packages()
    assert finding.status == "fail"
    assert finding.fix.startswith("pip install numpy>=")


def test_without_checkpoints_the_rules_play(repo_root: Path, tmp_path: Path) -> None:
    (finding,) = software.checkpoints(_loaded(repo_root, f"engine.checkpoints={tmp_path}"))
    assert finding.status == "ok"
    assert "the rule mapper plays" in finding.found
    (tmp_path / "rps.safetensors").touch()
    (finding,) = software.checkpoints(_loaded(repo_root, f"engine.checkpoints={tmp_path}"))
    assert finding.status == "fail"
    assert "rps.json can't be read" in finding.found
    assert "engine.mapper=rules" in finding.fix


@pytest.mark.parametrize(
    ("free_mb", "keep_mb", "status"),
    [(200, 200, "fail"), (201, 200, "warn"), (50_000, 200, "ok"), (50_000, 60_000, "fail")],
)
def test_a_full_disk_is_told_as_a_recording_would_find_it(
    monkeypatch: pytest.MonkeyPatch, repo_root: Path, tmp_path: Path, free_mb: int, keep_mb: int, status: str
) -> None:
    asked = list[Path]()

    def usage(path: Path) -> SimpleNamespace:
        asked.append(path)
        return SimpleNamespace(free=free_mb << 20)

    monkeypatch.setattr("shutil.disk_usage", usage)
    folder = tmp_path / "another disk" / "takes"
    loaded = _loaded(repo_root, f"recorder.folder={folder}", f"recorder.keep_free_mb={keep_mb}")
    (finding,) = software.recordings(loaded)
    assert (finding.status, asked) == (status, [tmp_path])  # nothing is made to look at it
    assert str(folder) in finding.found
    assert ("recorder.folder=FOLDER" in finding.fix) == (status != "ok")


def test_a_folder_nothing_can_be_recorded_in_fails(repo_root: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (finding,) = software.recordings(_loaded(repo_root, f"recorder.folder={tmp_path / 'file' / 'takes'}"))
    assert (finding.name, finding.status) == ("recordings", "fail")
    assert "can't record in" in finding.found


def test_a_take_that_would_wait_for_a_sensor_nobody_configured_is_told(
    monkeypatch: pytest.MonkeyPatch, repo_root: Path
) -> None:
    _quiet(monkeypatch)
    loaded = _loaded(repo_root, "recorder.required=[foo, phone]")
    (finding,) = (f for f in doctor.examine(lambda: loaded, seconds=0.1).findings if f.name == "required")
    assert finding.status == "warn"
    assert "wait for foo, not in the configuration" in finding.found
    assert f"'recorder.required=[{', '.join(loaded.sensors)}]'" in finding.fix
    assert "waits for foo (not in the configuration), phone (osc_motion)," in waits_for(["foo", "phone"], loaded)
    assert list(software.required(_loaded(repo_root, "recorder.required=[phone]"))) == []


def test_a_taken_port_names_its_holder(repo_root: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
        (finding,) = network.udp_ports(_loaded(repo_root, f"sensors.phone.port={port}"))
    assert finding.status == "fail"
    assert f"(process {os.getpid()})" in finding.found
    assert "sensors.phone.port" in finding.fix
    (finding,) = network.udp_ports(_loaded(repo_root, f"sensors.phone.port={port}"))
    assert finding.status == "ok"
    assert "sensors.phone.host=" in finding.found


def test_a_foreign_address_is_told(repo_root: Path) -> None:
    (finding,) = network.udp_ports(_loaded(repo_root, "sensors.phone.host=203.0.113.9"))
    assert finding.status == "fail"
    assert "can't listen on 203.0.113.9" in finding.found


def test_a_system_without_midi_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(module: str, *, timeout_s: float) -> Any:
        raise NoAnswer("no sequencer")

    monkeypatch.setattr(midi, "ask", silent)
    (finding,) = midi.ports()
    assert finding.status == "warn"
    assert "no sequencer" in finding.found


def test_midi_without_virtual_ports_is_told() -> None:
    answer = {"api": "Windows MM", "outputs": ["loopMIDI"], "virtual": False, "reason": "not supported"}
    ports, own = midi.judge(answer, "install loopMIDI")
    assert ports == Finding("midi", "ok", "Windows MM: loopMIDI")
    assert own == Finding("midi port", "warn", "no port of our own can be made: not supported", "install loopMIDI")


def test_a_child_that_hangs_crashes_or_babbles_is_no_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    for name, source, said in (
        ("hangs", "import signal; signal.pause()", "no answer within 0.5 s"),
        ("crashes", "import os; os.abort()", "exit code -6"),
        ("fails", "raise SystemExit('the driver is gone')", "the driver is gone"),
        ("babbles", "print('hello')", "it answered 'hello'"),
        ("says_nothing", "", "exit code 0"),
    ):
        (tmp_path / f"child_{name}.py").write_text(source)
        with pytest.raises(NoAnswer, match=said):
            ask(f"child_{name}", timeout_s=0.5 if name == "hangs" else 30)
    (tmp_path / "child_answers.py").write_text("print('noise'); print('[1]')")
    assert ask("child_answers", timeout_s=30) == [1]


def test_devices_lists_adapters_even_where_one_cannot_be_asked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def answer(module: str, kind: str, name: str, *, timeout_s: float) -> Any:
        if name == "midi_cc":
            raise NoAnswer("no answer within 10 s")
        return {"devices": [{"name": "Port A", "api": "ALSA", "reason": ""}]}

    monkeypatch.setattr(adapters, "ask", answer)
    assert exit_code_of(choreo, ["devices"]) == 0
    out = capsys.readouterr().out
    assert "can't be asked: no answer within 10 s" in out
    assert "device: Port A (ALSA)\n" in out
    assert out.index("sensors") < out.index("synthetic") < out.index("bridges") < out.index("osc_out")
    assert exit_code_of(choreo, ["devices", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert {item["name"] for item in listed} >= set(registry.sensors()) | set(registry.bridges())
    assert all(item["distribution"] == "choreo-service" for item in listed)


def test_the_child_of_devices_answers_for_a_real_adapter(capsys: pytest.CaptureFixture[str]) -> None:
    assert adapters.main("bridge", "null") == 0
    assert json.loads(capsys.readouterr().out)["devices"] == []
    assert adapters.main("bridge", "no_such") == 1
    assert "unknown bridge type 'no_such'" in capsys.readouterr().err


def test_doctor_prints_a_table_or_json(
    monkeypatch: pytest.MonkeyPatch, repo_root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _quiet(monkeypatch)
    monkeypatch.setattr(software, "recordings", lambda _: iter(()))
    assert exit_code_of(choreo, ["doctor", "--home", str(repo_root)]) == 0
    assert "0 to mend" in capsys.readouterr().out
    assert exit_code_of(choreo, ["doctor", "--json", "--home", str(repo_root)]) == 0
    assert json.loads(capsys.readouterr().out)["ok"] is True
    assert exit_code_of(choreo, ["doctor", "--home", str(repo_root), "-o", "engine.seed=x"]) == 1
    assert "fail  configuration" in capsys.readouterr().out


def test_what_the_show_of_this_workspace_holds_is_in_order(
    repo_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = shows.Show("http://127.0.0.1:8787", "a", "mine", repo_root.resolve(), 1, ("phone",), 4711)

    async def playing() -> list[shows.Show]:
        return [mine]

    monkeypatch.setattr(shows, "shows_here", playing)
    seen: list[int | None] = []

    def examine(*_: object, seconds: float, show: int | None) -> Report:
        seen.append(show)
        return Report(())

    monkeypatch.setattr(doctor, "examine", examine)
    for home in (repo_root, tmp_path):
        exit_code_of(choreo, ["doctor", "--home", str(home)])
    assert seen == [4711, None]
