"""`choreo-lab bench`: one table for people, the same numbers for programs, and words for what is missing."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from model_samples import save_pair

from choreo_pipelines.inference_bench.command import bench_inference
from choreo_pipelines.inference_bench.rounds import Timing
from choreo_pipelines.inference_bench.start_up import BACKENDS, StartUp, measure_here, start_up
from choreo_pipelines.inference_bench.table import WIDTH, text
from choreo_pipelines.inference_bench.variants import one_thread
from choreo_service.cli.failure import exit_code_of
from choreo_service.errors import ConfigError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with one_thread():
        save_pair(tmp_path / "checkpoints")
    return tmp_path / "checkpoints"


@pytest.fixture(autouse=True)
def unchanged_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")  # the command sets it where it is not set


def bench(*arguments: str | Path) -> int:
    return exit_code_of(bench_inference, [str(a) for a in arguments], program="choreo-lab bench")


def test_the_table_and_the_file_say_the_same(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = folder / "bench.json"
    assert bench("--checkpoints", folder, "--rounds", "200", "--performers", "1", "--json", file) == 0
    printed = capsys.readouterr().out
    found = json.loads(file.read_text("utf-8"))
    assert found["pair"] == "rps-0+mapper-0"
    assert [t["variant"] for t in found["timings"]] == ["numpy stateful", "torch stateful", "torch window of 50"]
    for timing in found["timings"]:
        assert 0 < timing["median_us"] <= timing["p99_us"] <= timing["max_us"]
        row = next(line for line in printed.splitlines() if line.startswith(timing["variant"]))
        assert f" {timing['median_us']:.0f} " in row
    assert [s["loads_torch"] for s in found["start_up"]] == [False, True]
    assert max(map(len, printed.replace(str(file), "").splitlines())) <= WIDTH


def test_a_wide_table_still_fits() -> None:
    slow = np.full(200, 123_456_000)
    timings = [Timing(name, 64, slow, 1.0, 1e-7) for name in ("numpy stateful", "torch window of 50")]
    lines = text("rps-12345678+mapper-12345678", timings, [StartUp("torch", 12_345.0, None, True)]).splitlines()
    assert max(map(len, lines)) <= WIDTH
    assert any(line.startswith("64 performers") for line in lines)
    assert any(line.split() == ["torch", "12345", "-", "yes"] for line in lines)


def test_ratios_are_to_numpy_with_as_many_performers() -> None:
    def timing(name: str, performers: int, us: int) -> Timing:
        return Timing(name, performers, np.full(200, us * 1000), 0.0, 0.0)

    timings = [timing("numpy", 1, 100), timing("torch", 1, 300), timing("numpy", 4, 200), timing("torch", 4, 300)]
    rows = [line.split() for line in text("pair", timings, []).splitlines() if line.startswith(("numpy ", "torch "))]
    assert [row[5] for row in rows] == ["1.0", "3.0", "1.0", "1.5"]


def test_without_checkpoints_it_says_how_to_make_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert bench("--checkpoints", tmp_path / "none") == 2
    said = capsys.readouterr().err
    assert "nothing to measure" in said
    assert "choreo-lab train rps --out" in said


def test_without_torch_it_says_how_to_get_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    assert bench("--checkpoints", folder) == 3
    assert "torch, which isn't installed" in capsys.readouterr().err


def test_a_file_that_cannot_be_written_is_said_before_the_work(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench("--checkpoints", folder, "--json", folder / "nowhere" / "bench.json") == 2
    captured = capsys.readouterr()
    assert "can't write" in captured.err
    assert "measuring" not in captured.err


def test_a_start_is_measured_in_a_process_of_its_own(folder: Path) -> None:
    numpy_starts = start_up("numpy", folder, tries=1)
    assert not numpy_starts.loads_torch
    assert numpy_starts.ms > 0
    assert numpy_starts.memory_mb is None or 10 < numpy_starts.memory_mb < 200


def test_here_torch_is_loaded_already(folder: Path) -> None:
    assert all(measure_here(backend, folder).loads_torch for backend in BACKENDS)
    with pytest.raises(ValueError, match="expected one of numpy, torch"):
        measure_here("abacus", folder)


def test_a_start_that_fails_says_why(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"rps\.json can't be read"):
        start_up("numpy", tmp_path, tries=1)
