"""`choreo-lab bench features`: the prototype's table again, and what real bodies must show."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest

from choreo_pipelines.cli import run
from choreo_pipelines.feature_bench import quick, real, slow
from choreo_pipelines.feature_bench.row import Row
from choreo_pipelines.feature_bench.table import WIDTH, text
from choreo_service.features import jerk, tempo
from choreo_service.features.tempo import FREQUENCIES


def missed(rows: Iterable[Row]) -> list[str]:
    return [f"{row.feature} {row.what}: {row.ours}" for row in rows if not row.is_good]


@pytest.mark.parametrize("rows", [quick.quick_rows, slow.slow_rows])
def test_every_figure_is_where_the_prototypes_was(rows: Callable[[], Iterable[Row]]) -> None:
    found = list(rows())
    print(text(found))
    assert len(found) >= 15
    assert missed(found) == []
    assert max(map(len, text(found).splitlines())) <= WIDTH


def test_a_slow_jerk_is_a_miss(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jerk, "SPAN_S", 0.3)
    assert any(row.startswith("jerk latency") for row in missed(quick.quick_rows()))


def test_a_frequency_that_ignores_the_gate_is_a_miss(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempo, "OPEN_AT", 1e-4)
    monkeypatch.setattr(tempo, "CLOSE_AT", 1e-5)
    assert any(row.startswith("freeze frequency") for row in missed(slow.slow_rows()))


@pytest.mark.data
def test_a_dancers_tempo_is_found_in_her_hips(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recording = real.read_mocap(data_dir / real.DANCE)
    found = list(real.dance_rows(real.trace(recording)))
    print(text(found))
    assert missed(found) == []
    monkeypatch.setattr(tempo, "_BEATS", np.ones(FREQUENCIES.size))  # her bounce on every eighth wins
    assert len(missed(real.dance_rows(real.trace(recording)))) == 2


@pytest.mark.data
def test_seated_wrists_rest_and_hold_their_frequency(data_dir: Path) -> None:
    for name in ("S21", "S25", "S32"):
        found = list(real.wrist_rows(name, real.trace(real.read_source(data_dir / real.WRISTS / name))))
        print(text(found))
        assert missed(found) == []


def test_the_command_prints_and_keeps_the_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    file = tmp_path / "features.json"
    code = run(["bench", "features", "--data", str(tmp_path / "empty"), "--json", str(file)])
    said = capsys.readouterr().out
    rows = json.loads(file.read_text())["rows"]
    assert code == int(not all(row["is_good"] for row in rows)) == 0
    assert all(row["what"] in said for row in rows)
    assert "no real recordings: --data FOLDER" in said


def test_bench_without_a_name_is_the_models_as_ever(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bench", "--checkpoints", str(tmp_path)]) == 2
    assert "nothing to measure" in capsys.readouterr().err
    assert run(["bench", "fetures"]) == 2
    assert "did you mean features?" in capsys.readouterr().err
