"""A training that goes wrong says so at once and in words, and what was saved before stays good."""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest
import torch
from training_toys import ToyTask, run_toy

from choreo_pipelines import training
from choreo_pipelines.training import TrainingError, TrainingInterrupted, prepare_folder
from choreo_pipelines.training.resume import load_state, partial_path, save_state, state_path
from choreo_service.errors import ConfigError

NAN, INF = float("nan"), float("inf")
OLD = {"weight": torch.arange(6.0)}
NEW = {"weight": torch.full((6,), 9.0)}


def stop_at(step: int) -> Callable[[int], None]:
    return lambda at: signal.raise_signal(signal.SIGINT) if at == step else None


def stopped(folder: Path) -> Path:
    """A folder that holds the state after 6 steps of the toy."""
    with pytest.raises(TrainingInterrupted):
        run_toy(ToyTask(stop_at(5)), folder)
    return state_path(folder, "rps")


@pytest.mark.parametrize(("term", "value"), [("fit", NAN), ("fit", INF), ("drift", NAN)])
def test_a_loss_that_is_not_finite_stops_the_run_and_names_the_term(tmp_path: Path, term: str, value: float) -> None:
    with pytest.raises(TrainingError) as caught:
        run_toy(ToyTask(lambda step: {term: value} if step == 9 else None), tmp_path)
    assert caught.value.exit_code == 1
    assert "step 10 of 12" in caught.value.problem
    # the toy's "drift" term itself stays finite: only the sum carries the factor
    assert f"the term '{'fit' if term == 'fit' else 'loss'}' is {value}" in caught.value.problem
    assert "of step 9" in caught.value.problem
    assert "--lr 0.01 " in caught.value.fix
    assert "choreo-lab inspect" in caught.value.fix


def test_the_last_good_state_stays_when_the_loss_is_not_finite(tmp_path: Path) -> None:
    with pytest.raises(TrainingError):
        run_toy(ToyTask(lambda step: {"fit": NAN} if step == 9 else None), tmp_path)
    healed, whole = ToyTask(), ToyTask()
    run_toy(healed, tmp_path, resume=True)
    run_toy(whole, tmp_path)
    assert healed.weights()["linear.weight"].tolist() == whole.weights()["linear.weight"].tolist()


def test_a_first_step_that_is_not_finite_has_no_step_before_it(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="no step before it was finished"):
        run_toy(ToyTask(lambda step: {"fit": NAN}), tmp_path)
    assert not state_path(tmp_path, "rps").exists()


def test_a_gradient_that_is_not_finite_changes_no_weight(tmp_path: Path) -> None:
    """The loss is finite, its derivative is not: sqrt at zero."""

    class Edge(ToyTask):
        def loss(self, step: int, generator: torch.Generator) -> dict[str, torch.Tensor]:
            return {"loss": (self.modules().linear.weight * 0.0).sqrt().sum()}

    task = Edge()
    before = task.weights()["linear.weight"].tolist()
    with pytest.raises(TrainingError, match=r"the gradient of linear\.weight is not finite"):
        run_toy(task, tmp_path)
    assert task.weights()["linear.weight"].tolist() == before


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.999], ids=["empty", "header cut", "half", "end missing"])
def test_a_truncated_state_is_refused_in_words_and_left_alone(tmp_path: Path, share: float) -> None:
    path = stopped(tmp_path)
    cut = path.read_bytes()[: int(share * path.stat().st_size)]
    path.write_bytes(cut)
    with pytest.raises(TrainingError) as caught:
        run_toy(ToyTask(), tmp_path, resume=True)
    assert "rps_state.safetensors is damaged" in caught.value.problem
    assert "--replace" in caught.value.fix
    assert path.read_bytes() == cut


def test_a_flipped_bit_is_noticed(tmp_path: Path) -> None:
    path = stopped(tmp_path)
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(data)
    with pytest.raises(TrainingError, match="not those that were written"):
        run_toy(ToyTask(), tmp_path, resume=True)


def test_a_foreign_file_is_no_state(tmp_path: Path) -> None:
    from safetensors.torch import save

    state_path(tmp_path, "rps").write_bytes(save({"weight": torch.zeros(1)}))
    with pytest.raises(TrainingError, match="is damaged"):
        run_toy(ToyTask(), tmp_path, resume=True)


def test_the_state_of_another_network_is_refused(tmp_path: Path) -> None:
    class Wider(ToyTask):
        def modules(self) -> torch.nn.Module:  # type: ignore[override]
            return torch.nn.Linear(5, 5)

    stopped(tmp_path)
    with pytest.raises(TrainingError, match="of another network"):
        run_toy(Wider(), tmp_path, resume=True)


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_save_cut_off_anywhere_keeps_the_state_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    save_state(tmp_path, "rps", 1, {}, OLD)

    def cut(*_: object) -> NoReturn:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, call, cut) if call == "fsync" else patch.setattr(Path, call, cut)
        with pytest.raises(KeyboardInterrupt):
            save_state(tmp_path, "rps", 2, {}, NEW)
    step, tensors = load_state(tmp_path, "rps", {})
    assert (step, tensors["weight"].tolist()) == (1, OLD["weight"].tolist())
    assert [p.name for p in tmp_path.iterdir()] == ["rps_state.safetensors"]


def test_what_a_killed_save_leaves_behind_disturbs_nothing(tmp_path: Path) -> None:
    save_state(tmp_path, "rps", 1, {}, OLD)
    partial_path(state_path(tmp_path, "rps")).write_bytes(b"half a sta")
    assert load_state(tmp_path, "rps", {})[0] == 1
    save_state(tmp_path, "rps", 2, {}, NEW)
    assert load_state(tmp_path, "rps", {})[0] == 2
    training.discard_state(tmp_path, "rps")
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_ends_in_words_and_the_state_before_resumes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(handle: int) -> NoReturn:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def fills(step: int) -> None:
        if step == 5:
            monkeypatch.setattr(os, "fsync", full)

    with pytest.raises(TrainingError) as caught:
        run_toy(ToyTask(fills), tmp_path)
    monkeypatch.undo()
    assert "can't write the state of step 8" in caught.value.problem
    assert os.strerror(errno.ENOSPC) in caught.value.problem
    assert "make room" in caught.value.fix
    assert not partial_path(state_path(tmp_path, "rps")).exists()
    resumed, whole = ToyTask(), ToyTask()
    run_toy(resumed, tmp_path, resume=True)
    run_toy(whole, tmp_path)
    assert resumed.weights()["linear.weight"].tolist() == whole.weights()["linear.weight"].tolist()


def test_a_folder_that_cannot_be_made_is_found_before_training(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(TrainingError, match="can't write"):
        prepare_folder(tmp_path / "file" / "below", "rps", resume=False, replace=False)


def test_other_data_cannot_be_resumed_with(tmp_path: Path) -> None:
    save_state(tmp_path, "rps", 1, {"data": "d1"}, OLD)
    with pytest.raises(ConfigError) as caught:
        load_state(tmp_path, "rps", {"data": "d2"})
    assert "data d1; now it is d2" in caught.value.problem


def test_unfinished_work_is_neither_overwritten_nor_resumed_unasked(tmp_path: Path) -> None:
    path = stopped(tmp_path)
    with pytest.raises(ConfigError) as caught:
        prepare_folder(tmp_path, "rps", resume=False, replace=False)
    assert "--resume" in caught.value.fix
    assert "--replace" in caught.value.fix
    prepare_folder(tmp_path, "mapper", resume=False, replace=False)  # the other network's folder is free
    prepare_folder(tmp_path, "rps", resume=True, replace=False)
    assert path.exists()
    prepare_folder(tmp_path, "rps", resume=False, replace=True)
    assert not path.exists()


@pytest.mark.parametrize("name", ["rps.safetensors", "rps.json"])
def test_a_finished_result_is_neither_overwritten_nor_resumed(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("result")
    for resume in (False, True):
        with pytest.raises(ConfigError) as caught:
            prepare_folder(tmp_path, "rps", resume=resume, replace=False)
        assert "--replace" in caught.value.fix
    prepare_folder(tmp_path, "rps", resume=False, replace=True)
    assert (tmp_path / name).read_text() == "result"  # until the new one is there


def test_there_must_be_something_to_resume(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nothing to resume"):
        prepare_folder(tmp_path, "rps", resume=True, replace=False)
    with pytest.raises(ConfigError, match="contradict"):
        prepare_folder(tmp_path, "rps", resume=True, replace=True)
