"""`choreo-lab report` on synthetic, recorded and poor takes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from shows import make_core

pytest.importorskip("matplotlib")

from choreo_pipelines.generator import Settings, generate
from choreo_pipelines.importers import read_source
from choreo_pipelines.importers.command import write_take
from choreo_pipelines.report.command import report_take
from choreo_service.cli.failure import exit_code_of
from choreo_service.clock import MS, NS
from choreo_service.packets import SensorPacket, Step
from choreo_service.replay import replay_tape, take_entries
from choreo_service.session import open_session, write_session


@pytest.fixture(scope="module")
def synthetic(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two takes of a minute and a half in one folder."""
    made = generate(Settings(minutes=1.5), sessions=2, seed=0, out=tmp_path_factory.mktemp("m0"))
    return [take.path for take, _, _ in made]


@pytest.fixture
def phone(tmp_path: Path) -> Path:
    """Twenty seconds of a phone, without heart, beat or context."""
    source = tmp_path / "phone.csv"
    rows = [f"{i / 100},0,0,{9.81 + 2 * np.sin(i / 8):.4f}" for i in range(2000)]
    source.write_text("\n".join(["t,ax,ay,az", *rows]))
    return write_take(read_source(source), tmp_path / "takes" / "phone").path


@pytest.fixture
def duo(tmp_path: Path) -> Path:
    """A few seconds of two phones, recorded as performers 0 and 1."""
    packets = [
        SensorPacket("acceleration", i % 2, i, NS + i * 5 * MS, NS + i * 5 * MS, None, "two", (0.0, 0.0, 9.8 + i % 7))
        for i in range(4000)
    ]
    meta = {"source": "live", "performers": 2, "period_ns": 20 * MS, "start_ns": NS}
    return write_session(tmp_path / "takes" / "two", packets=packets, steps=[], meta=meta).path


def report(*arguments: str | Path) -> int:
    return exit_code_of(report_take, [str(a) for a in arguments], program="choreo-lab report")


def document(folder: Path) -> dict:
    return json.loads((folder / "report.json").read_text("utf-8"))


def gates(folder: Path) -> dict[str, str]:
    return {gate["name"]: gate["verdict"]["outcome"] for gate in document(folder)["gates"]}


def test_a_synthetic_dancer_passes_beside_its_neighbours_body(
    synthetic: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert report(synthetic[0]) == 0
    out = capsys.readouterr().out
    folder = Path("reports") / synthetic[0].name
    assert out.rstrip().endswith(str(folder / "report.html"))
    assert f"Swapped body: take {synthetic[1].name}" in out
    found = gates(folder)
    assert {found[name] for name in ("on the beat", "follows the body", "dancer or clock")} == {"pass"}
    readings = document(folder)["measured"]["readings"]
    assert readings["take"]["fx"]["r2"] > 0.6 > 0.3 > readings["swapped body"]["fx"]["r2"]
    assert readings["take"]["energy"]["bar_r"] > 0.9 > 0.5 > readings["clock only"]["energy"]["bar_r"]


def test_two_processes_write_the_same_bytes(synthetic: list[Path], tmp_path: Path) -> None:
    code = (
        "import sys; from choreo_pipelines.report.command import report_take as r;"
        "from choreo_service.cli.failure import exit_code_of; sys.exit(exit_code_of(r, sys.argv[1:]))"
    )
    found = []
    for name, seed in (("one", "1"), ("two", "2")):
        argv = [sys.executable, "-c", code, str(synthetic[0]), "--out", str(tmp_path / name)]
        subprocess.run(argv, check=True, capture_output=True, timeout=120, env=os.environ | {"PYTHONHASHSEED": seed})
        files = sorted(f for f in (tmp_path / name).rglob("*") if f.is_file())
        found.append({str(f.relative_to(tmp_path / name)): f.read_bytes() for f in files})
    assert len(found[0]) == 18
    assert found[0] == found[1]


def test_a_phone_alone_gets_what_can_be_had_and_the_reasons(
    phone: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report(phone, "--out", tmp_path / "out", "--strict") == int("fail" in gates(tmp_path / "out").values())
    out = capsys.readouterr().out
    for said in ("No beat was recorded", "No heart was recorded", "7 s later: no other take with motion"):
        assert said in out
    found = gates(tmp_path / "out")
    assert found["on the beat"] == found["dancer or clock"] == "not computable"
    assert document(tmp_path / "out")["take"]["given"] == ["motion"]
    assert document(tmp_path / "out")["measured"]["present"]["beat"] == 1.0


def test_recorded_controls_are_kept_as_they_were_sent(synthetic: list[Path], tmp_path: Path) -> None:
    """A show whose density stood still: replaying it would make it look better than it was."""
    session = open_session(synthetic[0])

    def steps() -> Iterator[Step]:
        for step in replay_tape(make_core(), take_entries(session, 20_000_000)):
            step.controls[:, 1] = 0.5
            yield step

    meta = {"source": "live", "performers": 1, "period_ns": 20_000_000, "start_ns": 1_000_000_000}
    write_session(tmp_path / "takes" / "show", packets=session.packets(), steps=steps(), meta=meta)
    assert report(tmp_path / "takes" / "show", "--out", tmp_path / "out", "--strict", "--swap", synthetic[1]) == 1
    made = document(tmp_path / "out")
    assert made["controls"] == "recorded"
    assert gates(tmp_path / "out")["on the beat"] == "fail"
    assert made["measured"]["usage"]["used_range"]["density"] == 0
    assert any("doesn't play the recorded controls" in note for note in made["notes"])


def test_a_loop_shows_whether_it_stays_the_same(synthetic: list[Path], tmp_path: Path) -> None:
    assert report(synthetic[0], "--out", tmp_path / "out", "--drift-minutes", "5") == 0
    drift = document(tmp_path / "out")["measured"]["drift"]
    assert drift["verdict"]["outcome"] == "pass"
    assert drift["span_s"] >= 300
    assert drift["passes"] == 5


def test_a_neighbour_with_more_performers_lends_the_body_of_one(phone: Path, duo: Path, tmp_path: Path) -> None:
    assert duo.parent == phone.parent
    assert report(phone, "--out", tmp_path / "out") == 0
    assert f"Swapped body: take {duo.name}." in (tmp_path / "out" / "report.md").read_text()


def test_mistakes_end_with_a_fix_before_any_work(
    synthetic: list[Path], duo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("do not lose")
    for arguments, code, said in (
        ((tmp_path / "none",), 3, "no take at"),
        ((synthetic[0], "--out", tmp_path / "mine"), 2, "is in use and holds no report"),
        ((synthetic[0], "--swap", synthetic[0], "--out", tmp_path / "x"), 3, "is the take itself"),
        ((synthetic[0], "--performer", "3", "--out", tmp_path / "x"), 2, "has 1 performer;"),
        ((duo, "-o", "engine.performers=1", "--out", tmp_path / "x"), 3, "has 2 performers, the configuration 1"),
        ((synthetic[0], "--drift-minutes", "1", "--out", tmp_path / "x"), 2, "5<=x<=240"),
    ):
        assert report(*arguments) == code
        shown = capsys.readouterr().err
        assert said in shown
    assert not (tmp_path / "x").exists()
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "do not lose"
