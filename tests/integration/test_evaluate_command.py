"""`choreo-lab evaluate` on synthetic, poor and real takes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from model_samples import save_pair
from shows import PERIOD, make_core
from trained_pair import trained_pair

pytest.importorskip("matplotlib")

from choreo_models.checkpoint import save_checkpoint
from choreo_models.inference import load_pair
from choreo_pipelines import cli
from choreo_pipelines.bodies import read_mocap
from choreo_pipelines.evaluation.takes import subjects
from choreo_pipelines.generator import Settings, generate
from choreo_pipelines.importers import read_source
from choreo_pipelines.importers.command import write_take
from choreo_service.clock import NS
from choreo_service.packets import CONTROL_NAMES, SensorPacket
from choreo_service.replay import TapeEntry, replay_tape
from choreo_service.session import Session, write_session


@pytest.fixture(scope="module")
def takes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two dancers of a bit more than half a minute in one folder."""
    folder = tmp_path_factory.mktemp("takes") / "m0"
    list(generate(Settings(minutes=0.6, hr_mode="ble"), sessions=2, seed=31, out=folder))
    return folder


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two small nets that know nothing; they play all the same."""
    folder = tmp_path_factory.mktemp("models")
    save_pair(folder)
    return folder


@pytest.fixture
def phone(tmp_path: Path) -> Path:
    """Ten seconds of a phone, without heart, beat or context."""
    source = tmp_path / "phone.csv"
    rows = [f"{i / 100},0,0,{9.81 + 2 * np.sin(i / 8):.4f}" for i in range(1000)]
    source.write_text("\n".join(["t,ax,ay,az", *rows]))
    return write_take(read_source(source), tmp_path / "takes" / "phone").path


def evaluate(repo_root: Path, *arguments: str | Path) -> int:
    return cli.run(["evaluate", *map(str, arguments), "--home", str(repo_root)])


def document(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "evaluation.json").read_text("utf-8"))
    return found


def test_a_take_gets_numbers_and_a_report(
    takes: Path, models: Path, repo_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    take = min(takes.iterdir())
    assert evaluate(repo_root, take, "--checkpoints", models, "--out", tmp_path / "out") == 0
    said = capsys.readouterr().out
    assert f"{take.name}: m0 seed 31 session 0" in said
    found = document(tmp_path / "out")
    assert (found["schema_version"], found["models"]) == (1, "rps-0+mapper-0")
    [entry] = found["takes"]
    assert entry["play"]["mapper"] == "rps-0+mapper-0"
    assert entry["play"]["finite"]
    assert entry["play"]["in_range"]
    assert entry["play"]["models_played"] == 1.0
    assert set(entry["play"]["controls"]) == set(CONTROL_NAMES)
    assert [s["reason"] for s in entry["silences"][:2]] == ["", ""]
    assert "shorter than the 95 s" in entry["silences"][2]["reason"]
    assert "heart 60 s not silenced" in said
    report = json.loads((tmp_path / "out" / take.name / "report.json").read_text("utf-8"))
    assert report["mapper"] == "rps-0+mapper-0"
    assert [gate["name"] for gate in report["gates"]] == [check["name"] for check in entry["checks"]]


def test_a_folder_of_takes_is_evaluated_take_by_take(
    takes: Path, models: Path, repo_root: Path, tmp_path: Path
) -> None:
    arguments = ("--checkpoints", models, "--no-reports", "--out")
    assert evaluate(repo_root, takes, *arguments, tmp_path / "both") == 0
    assert evaluate(repo_root, takes / "m0_seed31_001", *arguments, tmp_path / "one") == 0
    both, one = (document(tmp_path / name)["takes"] for name in ("both", "one"))
    assert evaluate(repo_root, takes / "m0_seed31_001", *arguments, tmp_path / "one") == 0  # replaces its own
    assert [entry["name"] for entry in both] == ["m0_seed31_000", "m0_seed31_001"]
    assert both[1:] == one  # also: the same input gives the same numbers
    assert {path.name for path in (tmp_path / "both").iterdir()} == {"evaluation.json", "evaluation.md"}
    assert str(tmp_path) not in (tmp_path / "both" / "evaluation.json").read_text("utf-8")


def test_a_short_take_without_a_heart_gets_reasons(
    phone: Path, models: Path, repo_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert evaluate(repo_root, phone, "-o", f"engine.checkpoints={models}", "--no-reports", "--out", out) == 0
    [entry] = document(out)["takes"]
    assert entry["given"] == ["motion"]
    assert entry["play"]["reconstructed"]["heart"] == 1.0
    assert not entry["play"]["controls"]["tension"]["heard"]
    reasons = [silence["reason"] for silence in entry["silences"]]
    assert reasons[0] == "the take is shorter than the 15 s this needs"
    assert reasons[2] == "no heart in this take"
    shown = " ".join(capsys.readouterr().out.split())
    assert "No sensor for tension: played from what the models reconstruct." in shown
    text = (out / "evaluation.md").read_text("utf-8")
    assert "heart 60 s not silenced: no heart in this take." in text


def test_a_show_of_two_is_played_anew_by_the_models(models: Path, repo_root: Path, tmp_path: Path) -> None:
    """What the rules played on that evening stays out of it."""
    entries = [
        TapeEntry(k, 1, NS + k * PERIOD, tuple(_moved(b, k, 2.0 + b * np.sin(k / 9)) for b in range(2)))
        for k in range(1, 500)
    ]
    packets = [packet for entry in entries for packet in entry.packets]
    steps = list(replay_tape(make_core(2), entries))
    meta = {"source": "live", "performers": 2, "period_ns": PERIOD, "start_ns": NS}
    show = write_session(tmp_path / "takes" / "show", packets=packets, steps=steps, meta=meta)
    assert evaluate(repo_root, show.path, "--checkpoints", models, "--out", tmp_path / "out") == 0
    found = document(tmp_path / "out")["takes"]
    assert [entry["name"] for entry in found] == ["show_performer_0", "show_performer_1"]
    assert {entry["play"]["mapper"] for entry in found} == {"rps-0+mapper-0"}
    assert found[0]["play"]["controls"] != found[1]["play"]["controls"]
    reports = [json.loads((tmp_path / "out" / e["name"] / "report.json").read_text("utf-8")) for e in found]
    assert [(r["controls"], r["take"]["performer"]) for r in reports] == [("played", 0), ("played", 1)]


def test_without_takes_fresh_dancers_are_played_and_that_is_said(
    models: Path, repo_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def short(settings: Settings, **how: Any) -> Any:
        return generate(Settings(minutes=0.5, hr_mode=settings.hr_mode), **{**how, "sessions": 1})

    monkeypatch.setattr(subjects, "generate", short)
    monkeypatch.chdir(tmp_path)
    assert evaluate(repo_root, "--checkpoints", models, "--no-reports") == 0
    assert "three synthetic dancers nobody trained on, in recordings/m0_unseen" in capsys.readouterr().out
    assert [path.name for path in Path("recordings/m0_unseen").iterdir()] == ["m0_seed200_000"]
    assert Path("reports/evaluation/evaluation.md").is_file()


def test_hearts_are_fitted_beside_the_generators_assumption(
    takes: Path, models: Path, phone: Path, repo_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hearts = ("--heart", min(takes.iterdir()), "--heart", phone)
    arguments = (phone, "--checkpoints", models, "--no-reports", "--out", tmp_path / "out", *hearts)
    assert evaluate(repo_root, *arguments) == 0
    said = capsys.readouterr().out
    assert "m0_seed31_000: the generator assumes 3 s; its presets are 3, 15, 30, 60 s" in said
    assert "no 30 s with both heart rate and effort" in said
    assert [heart["recording"] for heart in document(tmp_path / "out")["hearts"]] == ["m0_seed31_000", "phone"]


def test_models_that_fail_are_told_by_the_exit_code(phone: Path, repo_root: Path, tmp_path: Path) -> None:
    """Finite weights whose products are not: what a broken training could leave."""
    save_pair(tmp_path / "models")
    huge = {name: np.full_like(value, 3e38) for name, value in load_pair(tmp_path / "models").mapper.weights.items()}
    save_pair(tmp_path / "models", mapper=huge)
    arguments = (phone, "--checkpoints", tmp_path / "models", "--no-reports", "--out", tmp_path / "out")
    with np.errstate(all="ignore"):
        assert evaluate(repo_root, *arguments) == 1
    [entry] = document(tmp_path / "out")["takes"]
    assert not entry["play"]["finite"]
    assert entry["play"]["held_ticks"] > 0
    assert "| NO |" in (tmp_path / "out" / "evaluation.md").read_text("utf-8")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("nowhere",), 3, "no takes at nowhere"),
        (("--heart", "none.tcx"), 3, "none.tcx"),
        (("--real", "none"), 3, "none is not the folder of the real recordings"),
        (("--checkpoints", "empty"), 2, "choreo-lab train rps --out empty"),
        (("-o", "engine.mapper=rules"), 2, "engine.mapper is rules"),
        (("--out", "file"), 2, "--out DIR"),
        (("--out", "file/new"), 2, "file is a file"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_mistakes_end_with_a_fix_before_any_work(
    models: Path,
    repo_root: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    code: int,
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    given = ("--checkpoints", str(models), "--out", "out", *arguments)
    assert evaluate(repo_root, *given) == code
    shown = capsys.readouterr()
    assert said in shown.err
    assert "playing" not in shown.err
    assert [path.name for path in tmp_path.iterdir()] == ["file"]  # nothing was made


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("evaluation.json", "mine"),
        ("evaluation.json", '{"takes": []}'),
        ("evaluation.json", "[]"),
        ("evaluation.md", "# My own"),
    ],
)
def test_the_users_own_files_are_not_replaced(
    phone: Path,
    models: Path,
    repo_root: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
    content: str,
) -> None:
    (tmp_path / "ev").mkdir()
    (tmp_path / "ev" / name).write_text(content)
    assert evaluate(repo_root, phone, "--checkpoints", models, "--out", tmp_path / "ev") == 2
    said = capsys.readouterr().err
    assert f"is in use and holds no evaluation: found {name}" in said
    assert "--out DIR" in said
    assert "playing" not in said
    assert [(path.name, path.read_text()) for path in (tmp_path / "ev").iterdir()] == [(name, content)]


@pytest.mark.data
@pytest.mark.slow
def test_a_real_dancer_without_a_heart_moves_every_control(data_dir: Path, repo_root: Path, tmp_path: Path) -> None:
    take = write_take(read_mocap(data_dir / "mocaptoolbox_demo" / "dance1.npz"), tmp_path / "dance1")
    [entry] = evaluated(take, repo_root, tmp_path)
    play = entry["play"]
    assert play["finite"]
    assert play["in_range"]
    assert play["held_ticks"] == 0
    assert play["models_played"] == 1.0
    assert play["reconstructed"]["heart"] == 1.0
    assert not any(control["stuck"] for control in play["controls"].values())


def _moved(performer: int, k: int, energy: float) -> SensorPacket:
    t_ns = NS + k * PERIOD
    return SensorPacket(
        "motion_features", performer, 2 * k + performer, t_ns, t_ns, None, "test", (energy, 1, 1, 0, 0, 1)
    )


def evaluated(take: Session, repo_root: Path, folder: Path) -> list[dict[str, Any]]:
    """By the trained pair."""
    pair = trained_pair()
    for checkpoint in (pair.rps, pair.mapper):
        save_checkpoint(folder / "models", checkpoint.weights, checkpoint.card)
    out = folder / "out"
    assert evaluate(repo_root, take.path, "--checkpoints", folder / "models", "--no-reports", "--out", out) == 0
    entries: list[dict[str, Any]] = document(out)["takes"]
    return entries
