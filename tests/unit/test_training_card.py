"""A card tells what was trained on what, and the same run gives the same bytes."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from choreo_models.checkpoint import fingerprint
from choreo_pipelines.training import build_card, command_line, git_revision
from choreo_pipelines.training.card import METRIC_KEYS, run_id

WEIGHTS: dict[str, NDArray[Any]] = {
    "a": np.arange(6, dtype=np.float32).reshape(2, 3),
    "b": np.array([1.5], np.float32),
}
METRIC = {"value": np.float32(0.5), "baseline": {"ridge": 0.75}, "gate": "<= 0.6", "passed": np.True_}


def card(**changed: Any) -> dict[str, Any]:
    given: dict[str, Any] = {
        "kind": "rps",
        "weights": WEIGHTS,
        "settings": {"lr": 0.002, "steps": 1000},
        "data": {"fingerprint": "f00", "takes": ("m0_seed0_000",), "synthetic": True},
        "metrics": {"nmse_motion": METRIC},
        "command": "choreo-lab train-rps recordings/m0 --out checkpoints",
        "notes": ["a note"],
    }
    return build_card(**{**given, **changed})


def test_the_card_holds_every_section_as_json_types() -> None:
    made = card()
    assert set(made) == {
        *("card_version", "kind", "run_id", "weights_sha256", "data", "git_revision", "generator_version"),
        *("versions", "torch_threads", "hyperparameters", "metrics", "command", "notes"),
    }
    assert json.loads(json.dumps(made, allow_nan=False)) == made
    assert made["card_version"] == 1
    assert made["metrics"]["nmse_motion"] == {
        "value": 0.5,
        "baseline": {"ridge": 0.75},
        "gate": "<= 0.6",
        "passed": True,
    }
    assert made["run_id"].startswith("rps-")
    assert len(made["run_id"]) == len("rps-") + 8


def test_the_same_run_gives_the_same_bytes() -> None:
    assert json.dumps(card()) == json.dumps(card())


@pytest.mark.parametrize(
    "changed",
    [
        {"settings": {"lr": 0.001, "steps": 1000}},
        {"data": {"fingerprint": "f01"}},
        {"weights": {**WEIGHTS, "b": np.array([1.25], np.float32)}},
        {"kind": "mapper"},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_another_run_has_another_id(changed: dict[str, Any]) -> None:
    assert card(**changed)["run_id"] != card()["run_id"]


def test_what_was_measured_is_not_part_of_the_id() -> None:
    assert card(metrics={}, notes=())["run_id"] == card()["run_id"]


def test_weights_are_told_apart_by_name_shape_and_value_alone() -> None:
    digest = fingerprint(WEIGHTS)
    assert digest == fingerprint(dict(reversed(WEIGHTS.items())))
    assert digest == fingerprint({**WEIGHTS, "a": np.asfortranarray(WEIGHTS["a"])})
    for other in (WEIGHTS["a"].T, WEIGHTS["a"] + 1):
        assert digest != fingerprint({**WEIGHTS, "a": other})
    assert digest != fingerprint({"c": WEIGHTS["a"], "b": WEIGHTS["b"]})


def test_numbers_that_are_not_finite_become_null() -> None:
    assert card(metrics={"x": {**METRIC, "value": float("nan")}})["metrics"]["x"]["value"] is None


def test_the_generators_version_is_told_of_synthetic_data_only() -> None:
    assert card()["generator_version"] == 1
    assert card(data={"fingerprint": "f00", "synthetic": False})["generator_version"] is None


@pytest.mark.parametrize(
    "changed",
    [
        {"command": "choreo-lab train-rps /home/someone/takes"},
        {"command": "choreo-lab train-rps --out=/home/someone"},
        {"data": {"fingerprint": "f00", "takes": ["C:\\takes\\one"]}},
        {"notes": ["trained in '/srv/show'"]},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_a_card_names_no_absolute_path(changed: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="absolute path"):
        card(**changed)


@pytest.mark.parametrize("missing", sorted(METRIC_KEYS))
def test_a_metric_without_baseline_gate_or_verdict_is_refused(missing: str) -> None:
    with pytest.raises(ValueError, match="expected the keys"):
        card(metrics={"x": {key: value for key, value in METRIC.items() if key != missing}})


def test_a_card_without_the_datas_fingerprint_is_refused() -> None:
    with pytest.raises(ValueError, match="fingerprint"):
        card(data={"takes": []})


def test_the_command_line_can_be_typed_again_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    arguments = ["train-rps", str(tmp_path / "my takes"), "--out", str(tmp_path / "work" / "out"), "--lr=0.01"]
    line = command_line([*arguments, f"--cache={tmp_path / 'cache'}", "--resume", "--seed", "3"])
    assert line == "choreo-lab train-rps '../my takes' --out out --lr=0.01 --cache=../cache --seed 3"
    assert command_line(["train-rps", "--replace"]) == "choreo-lab train-rps"
    assert build_card(kind="rps", weights={}, settings={}, data={"fingerprint": "f"}, metrics={}, command=line)


def test_run_ids_do_not_depend_on_the_order_of_settings() -> None:
    assert run_id("rps", {"a": 1, "b": 2}, "f", "w") == run_id("rps", {"b": 2, "a": 1}, "f", "w")


def _git(folder: Path, *arguments: str) -> str:
    who = ("-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false")
    done = subprocess.run(["git", *who, *arguments], cwd=folder, capture_output=True, text=True, check=True, timeout=30)
    return done.stdout.strip()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A committed Python file in a repository of its own."""
    file = tmp_path / "package" / "card.py"
    file.parent.mkdir()
    file.write_text("x = 1\n")
    (tmp_path / "weights.json").write_text("{}")
    _git(tmp_path, "init", "--quiet")
    _git(tmp_path, "add", ".")
    _git(tmp_path, "commit", "--quiet", "-m", "first")
    return file


def test_the_revision_is_that_of_the_repository(source: Path) -> None:
    assert git_revision(source) == _git(source.parent, "rev-parse", "--short", "HEAD")


def test_changed_code_is_told_and_changed_checkpoints_are_not(source: Path) -> None:
    clean = git_revision(source)
    (source.parents[1] / "weights.json").write_text("{} ")
    assert git_revision(source) == clean
    source.write_text("x = 2\n")
    assert git_revision(source) == f"{clean}+changes"


def test_code_outside_a_repository_has_no_revision(source: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    untracked = source.with_name("other.py")
    untracked.touch()
    assert git_revision(untracked) == "unknown"
    assert git_revision(tmp_path_factory.mktemp("nowhere") / "card.py") == "unknown"


def test_a_machine_without_git_has_no_revision(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert git_revision(source) == "unknown"
