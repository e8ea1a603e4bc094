"""The stage plays trained models without torch: numpy is the default, and nothing on its way loads the other."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")  # where it isn't installed, it can't be loaded by mistake

from model_samples import save_pair

from choreo_pipelines.generator import Settings, generate
from choreo_pipelines.inference_bench.variants import one_thread

RUN = """
from choreo_service.cli import choreo
from choreo_service.cli.failure import exit_code_of
assert exit_code_of(choreo, sys.argv[1:]) == 0
"""


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkpoints")
    with one_thread():
        save_pair(folder)
    return folder


def loads_torch(code: str, *arguments: str | Path) -> tuple[bool, str]:
    """Whether a fresh interpreter holds torch after `code`, and what it printed."""
    program = f"import sys\n{code}\nprint('torch' in sys.modules)"
    argv = [sys.executable, "-c", program, *map(str, arguments)]
    result = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=60)
    *printed, answer = result.stdout.splitlines()
    return {"True": True, "False": False}[answer], "\n".join(printed)


def test_the_command_line_loads_no_torch() -> None:
    assert loads_torch("import choreo_service.cli") == (False, "")


def test_a_dry_run_that_opens_the_checkpoints_loads_no_torch(checkpoints: Path) -> None:
    options = ("-o", f"engine.checkpoints={checkpoints}", "-o", "sensors.phone=null")
    found, printed = loads_torch(RUN, "run", "--dry-run", *options)
    assert "played by the models rps-0+mapper-0" in printed
    assert not found


def test_a_take_played_by_the_models_loads_no_torch(checkpoints: Path, tmp_path: Path) -> None:
    ((take, _, _),) = generate(Settings(minutes=0.5), sessions=1, seed=2, out=tmp_path)
    found, printed = loads_torch(RUN, "replay", take.path, "-o", f"engine.checkpoints={checkpoints}")
    assert "rps-0+mapper-0 1500" in printed
    assert not found


def test_the_question_can_be_answered_with_yes() -> None:
    assert loads_torch("import choreo_models.inference.torch_kernel") == (True, "")
