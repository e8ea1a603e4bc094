from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from choreo_pipelines import cli
from choreo_pipelines.importers import SourceError, read_source
from choreo_pipelines.importers.features import PERIOD_NS, recorded_frames
from choreo_service.fallback import RULES, Rule, RuleMapper
from choreo_service.packets import CONTROL_NAMES, CONTROLS, MODALITY_NAMES, Frame, SensorPacket, states_of
from choreo_service.session import open_session, recorded_ticks

NS = 1_000_000_000


@pytest.fixture
def phone(tmp_path: Path) -> Path:
    """Two seconds of a phone at 100 Hz, bouncing."""
    path = tmp_path / "phone.csv"
    rows = [f"{i / 100},0,0,{9.81 + np.sin(i / 8):.4f}" for i in range(200)]
    path.write_text("\n".join(["t,ax,ay,az", *rows]))
    return path


def test_an_import_is_a_take_with_packets_and_frames(
    phone: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["import", str(phone), "--out", str(tmp_path / "takes"), "--name", "sway"]) == 0
    session = open_session(tmp_path / "takes" / "sway")
    assert session.kinds == ("packets", "frames")
    assert list(session.packets()) == list(read_source(phone).packets())
    assert session.meta["source"] == "import:csv phone"
    ticks = list(recorded_ticks(session))
    assert ticks[:2] == [(1, 1, NS + PERIOD_NS), (2, 1, NS + 2 * PERIOD_NS)]
    assert len(ticks) == 100
    table = session.frames_table()
    assert table["present_motion"].to_pylist() == [False] + [True] * 99  # believed from its fifth sample on
    assert not any(table["present_heart"].to_pylist())
    assert max(table["motion_energy"].to_pylist()) > 0.1
    out = capsys.readouterr().out
    for expected in ("acceleration", "100.0 Hz", "no heart", "nothing resampled", "time: t in s", str(session.path)):
        assert expected in out


def test_an_import_never_replaces_a_take(phone: Path, tmp_path: Path) -> None:
    for _ in range(2):
        assert cli.run(["import", str(phone), "--out", str(tmp_path / "takes")]) == 0
    assert sorted(p.name for p in (tmp_path / "takes").iterdir()) == ["phone", "phone_2"]


def test_columns_and_units_reach_the_importer(tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    path.write_text("when,A,B,C\n0.00,0,0,1\n0.01,0,0,1\n")
    options = ["--columns", "time=when", "--columns", "acceleration=A,B,C", "--unit", "acceleration=g"]
    assert cli.run(["import", str(path), "--out", str(tmp_path), *options]) == 0
    packets = list(open_session(tmp_path / "own").packets())
    assert packets[0].values == (0.0, 0.0, 9.80665)


@pytest.mark.parametrize(
    ("arguments", "code", "problem"),
    [
        (["missing.csv"], 3, "no file or folder"),
        (["{phone}", "--as", "tcx"], 3, "is no readable XML"),
        (["{phone}", "--as", "e4"], 3, "is a file; an E4 recording is a folder"),
        (["{folder}", "--as", "fit"], 3, "is a folder; a FIT activity is one file"),
        (["{folder}/long.tcx", "--as", "csv"], 3, "line 1, is no CSV: field larger than field limit"),
        (["{folder}/late.csv"], 3, "line 2, is no CSV: field larger than field limit"),
        (["{folder}/empty"], 3, "is an empty file"),
        (["{folder}/photo.jpg"], 3, "begins with"),
        (["{folder}/export.zip"], 3, "is a ZIP archive"),
        (["{folder}/nothing"], 3, "a folder without CSV files"),
        (["{phone}", "--as", "midi"], 2, "'midi' is not one of"),
        (["{phone}", "--columns", "mood=A"], 2, "expected STREAM="),
        (["{phone}", "--unit", "acceleration"], 2, "expected STREAM="),
        (["{phone}", "--name", "../x"], 2, "letters, digits"),
        (["{phone}", "--name", ".z.recording"], 2, "a letter or digit first"),
        (["{phone}", "--name", ""], 2, "letters, digits"),
        (["{phone}", "--name", "a\0b"], 2, "letters, digits"),
        (["{phone}", "--name", "x" * 300], 2, "at most 100"),
        (["{folder}/.x.csv"], 2, "give it a name: --name NAME"),
        (["{phone}", "--out", "{phone}"], 3, "can't write the take"),
    ],
)
def test_mistakes_end_with_a_code_a_problem_and_a_fix(
    phone: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, problem: str
) -> None:
    folder = phone.parent
    (folder / "long.tcx").write_text("x" * 200_000)
    (folder / "late.csv").write_text("t,ax,ay,az\n" + "1" * 200_000)
    (folder / "empty").touch()
    (folder / "photo.jpg").write_bytes(b"\xff\xd8\xff\xe0")
    (folder / "export.zip").write_bytes(b"PK\x03\x04rest")
    (folder / "nothing").mkdir()
    (folder / ".x.csv").write_bytes(phone.read_bytes())
    filled = [a.format(phone=phone, folder=folder) for a in arguments]
    assert cli.run(["import", *filled]) == code
    found = capsys.readouterr().err
    assert found.startswith("choreo-lab: ")
    assert problem in found
    assert "\n  fix: " in found
    assert not list(folder.rglob("meta.json"))


def test_a_missing_library_is_named_with_its_extra(phone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = phone.with_name("run.tcx")
    path.write_text("<TrainingCenterDatabase/>")
    monkeypatch.setitem(sys.modules, "defusedxml.ElementTree", None)
    with pytest.raises(SourceError, match=r"needs defusedxml, which isn't installed[\s\S]*choreo-service\[lab\]"):
        read_source(path)


def test_every_packet_belongs_to_the_first_tick_that_is_not_before_it() -> None:
    packets = [
        SensorPacket("context", 0, i, t_ns, t_ns, None, "x", (t_ns / (10 * NS),))
        for i, t_ns in enumerate([NS, NS + PERIOD_NS, NS + PERIOD_NS + 1, NS + 5 * PERIOD_NS])
    ]
    frames = list(recorded_frames(packets, start_ns=NS))
    assert [(f.k, f.dk, f.t_ns) for f in frames] == [(k, 1, NS + k * PERIOD_NS) for k in range(1, 6)]
    expected = [packets[1], packets[2], packets[2], packets[2], packets[3]]
    assert [float(f.context[0, 0]) for f in frames] == pytest.approx([p.values[0] for p in expected])
    assert list(recorded_frames([], start_ns=NS)) == []


def test_help_lists_the_commands_and_loads_nothing_heavy() -> None:
    code = (
        "import sys; from choreo_pipelines.cli import run; code = run(['--help'])\n"
        "heavy = {'numpy', 'pyarrow', 'rich', 'pydantic', 'pythonosc'} & set(sys.modules)\n"
        "sys.exit(f'loaded {heavy}' if heavy else code)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert result.returncode == 0, result.stderr
    for name in cli.COMMANDS:
        assert name in result.stdout


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_listed_command_exists(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run([name, "--help"]) == 0
    assert f"Usage: choreo-lab {name}" in capsys.readouterr().out


def test_an_unknown_command_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["dance"]) == 2
    assert "fix: choreo-lab --help" in capsys.readouterr().err


def test_what_is_missing_is_told_as_the_rules_play_it(
    phone: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pulse = tmp_path / "pulse.csv"
    pulse.write_text("t,hr\n0,60\n1,61\n2,62\n")
    said = ""
    for source in (phone, pulse):
        assert cli.run(["import", str(source), "--out", str(tmp_path / "takes")]) == 0
        said += capsys.readouterr().out
    assert "no heart: tension, which follows it, rests at neutral" in said
    assert "no motion: tempo_scale, density, brightness and fx_send, which follow it, rest at neutral" in said
    assert "reconstruct" not in said
    unheard = {"beat", "context"} - {rule.modality for rule in RULES}
    assert {line.split()[2].rstrip("s:") for line in said.splitlines() if "no control follows it" in line} == unheard


@pytest.mark.parametrize("modality", ["motion", "heart"])
def test_a_control_without_its_modality_does_rest_at_neutral(modality: str) -> None:
    mapper, absent = RuleMapper(1, 0.02), np.array([[m != modality for m in MODALITY_NAMES]])
    for k in range(1, 500):
        motion, heart = np.full((1, 6), 3.0 + k % 7), np.full((1, 2), 0.4)
        frame = Frame(k, 1, k, motion, heart, np.zeros((1, 2)), np.zeros((1, 1)), states_of(absent), np.zeros((1, 4)))
        played = mapper.step(frame)[0]
    resting = [r.control for r in RULES if played[CONTROL_NAMES.index(r.control)] == np.float32(_neutral(r))]
    assert resting == [r.control for r in RULES if r.modality == modality]


def _neutral(rule: Rule) -> float:
    return CONTROLS[rule.control].neutral
