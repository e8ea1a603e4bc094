"""The training loop learns, measures, stays within its schedule, and an interruption leaves no trace in the result."""

from __future__ import annotations

import signal
import tempfile
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from training_toys import Listener, ToyTask, run_toy

from choreo_pipelines.training import History, TrainingInterrupted, TrainSettings, prepare_folder
from choreo_pipelines.training.curves import table
from choreo_pipelines.training.resume import state_path
from choreo_pipelines.training.run import Run
from choreo_pipelines.training.schedule import one_cycle, seed_step, seed_validation
from choreo_service.errors import ConfigError

STEPS = 12


def same_weights(a: ToyTask, b: ToyTask) -> bool:
    return all(np.array_equal(a.weights()[name], value) for name, value in b.weights().items())


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[ToyTask, History]:
    """A run that nobody interrupted."""
    task = ToyTask()
    return task, run_toy(task, tmp_path_factory.mktemp("whole"))


def test_training_lowers_loss_and_validation(tmp_path: Path) -> None:
    history = run_toy(ToyTask(), tmp_path, steps=300, lr=0.1, save_every=300)
    assert np.mean(history.steps["loss"][-30:]) < 0.5 * np.mean(history.steps["loss"][:10])
    assert history.validations["mse"][-1] < 0.5 * history.validations["mse"][0]


def test_every_step_is_measured_and_validations_come_when_due_and_last(
    whole: tuple[ToyTask, History],
) -> None:
    task, history = whole
    assert list(history.steps) == ["lr", "loss", "fit", "drift", "grad_norm"]
    assert {len(values) for values in history.steps.values()} == {STEPS}
    assert history.validations["step"] == [5.0, 10.0, 12.0]
    assert task.projections == STEPS
    assert np.abs(task.weights()["linear.weight"]).max() <= 1.9  # what after_step promised, also after the last step


def test_the_result_is_left_as_it_is_used(whole: tuple[ToyTask, History]) -> None:
    module = whole[0].modules()
    assert not module.training
    assert all(parameter.grad is None for parameter in module.parameters())
    assert float(module.frozen) == 1.0


def test_an_interrupted_run_that_is_resumed_equals_the_whole_one(whole: tuple[ToyTask, History]) -> None:
    @settings(max_examples=10)
    @given(stop=st.integers(0, STEPS - 1), save_every=st.integers(1, STEPS + 1))
    def check(stop: int, save_every: int) -> None:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            first = ToyTask(lambda step: signal.raise_signal(signal.SIGINT) if step == stop else None)
            with pytest.raises(TrainingInterrupted):
                run_toy(first, folder, save_every=save_every)
            second = ToyTask()
            listener = Listener()
            history = run_toy(second, folder, resume=True, listener=listener)
            assert listener.events[0] == ("begin", stop + 1, STEPS)
            assert same_weights(second, whole[0])
            assert history == whole[1]
            np.testing.assert_array_equal(second.carried, whole[0].carried)

    check()


@pytest.mark.parametrize("stop", [4, 7, 11])
def test_a_killed_run_goes_on_from_its_last_save(whole: tuple[ToyTask, History], tmp_path: Path, stop: int) -> None:
    """A KeyboardInterrupt in the middle of a step, as the second Ctrl-C is: the half step must not be saved."""

    def kill(step: int) -> None:
        if step == stop:
            raise KeyboardInterrupt

    with pytest.raises(TrainingInterrupted) as caught:
        run_toy(ToyTask(kill), tmp_path)
    assert f"step {stop - stop % 4} is saved" in caught.value.problem
    second = ToyTask()
    assert run_toy(second, tmp_path, resume=True) == whole[1]
    assert same_weights(second, whole[0])


def test_what_a_resumed_run_needs_is_really_needed(whole: tuple[ToyTask, History], tmp_path: Path) -> None:
    """The exactness test can fail: without the carried state the resumed run differs."""

    class Forgetful(ToyTask):
        def load_state(self, state: object) -> None:
            pass

    first = ToyTask(lambda step: signal.raise_signal(signal.SIGINT) if step == 5 else None)
    with pytest.raises(TrainingInterrupted):
        run_toy(first, tmp_path)
    second = Forgetful()
    run_toy(second, tmp_path, resume=True)
    assert not same_weights(second, whole[0])


def test_a_finished_run_resumes_to_its_result_without_training(whole: tuple[ToyTask, History], tmp_path: Path) -> None:
    run_toy(ToyTask(), tmp_path)
    again, listener = ToyTask(), Listener()
    assert run_toy(again, tmp_path, resume=True, listener=listener) == whole[1]
    assert listener.events == [("begin", STEPS, STEPS), ("end",)]
    assert same_weights(again, whole[0])


def test_another_seed_gives_another_result(whole: tuple[ToyTask, History], tmp_path: Path) -> None:
    other = ToyTask()
    run_toy(other, tmp_path, seed=1)
    assert not same_weights(other, whole[0])


def test_training_leaves_the_process_as_it_was(tmp_path: Path) -> None:
    handler = signal.getsignal(signal.SIGINT)
    task = ToyTask()
    torch.manual_seed(3)
    expected = torch.rand(2).tolist()
    torch.manual_seed(3)
    run_toy(task, tmp_path)
    assert torch.rand(2).tolist() == expected
    assert not torch.are_deterministic_algorithms_enabled()
    assert signal.getsignal(signal.SIGINT) is handler


def test_algorithms_are_deterministic_while_training(tmp_path: Path) -> None:
    seen: list[bool] = []
    run_toy(ToyTask(lambda step: seen.append(torch.are_deterministic_algorithms_enabled())), tmp_path)
    assert seen == [True] * STEPS


def test_it_trains_outside_the_main_thread(whole: tuple[ToyTask, History], tmp_path: Path) -> None:
    task = ToyTask()
    thread = threading.Thread(target=run_toy, args=(task, tmp_path))
    thread.start()
    thread.join()
    assert same_weights(task, whole[0])


def test_ctrl_c_ends_with_130_and_says_how_to_go_on(tmp_path: Path) -> None:
    listener = Listener()
    task = ToyTask(lambda step: signal.raise_signal(signal.SIGINT) if step == 2 else None)
    with pytest.raises(TrainingInterrupted) as caught:
        run_toy(task, tmp_path, listener=listener)
    assert caught.value.exit_code == 130
    assert "stopped after step 3 of 12" in caught.value.problem
    assert "--resume" in caught.value.fix
    assert listener.events[-2:] == [("step", 3), ("end",)]
    assert state_path(tmp_path, "rps").exists()


def test_a_second_ctrl_c_stops_at_once(tmp_path: Path) -> None:
    def twice(step: int) -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        pytest.fail("the second Ctrl-C did nothing")

    with pytest.raises(TrainingInterrupted, match="nothing was saved yet"):
        run_toy(ToyTask(twice), tmp_path)
    assert not state_path(tmp_path, "rps").exists()


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"lr": 0.01}, "--lr 0.05; now it is 0.01"),
        ({"steps": 20}, "--steps 12; now it is 20"),
        ({"seed": 3}, "--seed 0; now it is 3"),
        ({"clip_norm": 2.0}, "--clip-norm 1.0; now it is 2.0"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_other_settings_cannot_resume(tmp_path: Path, changed: dict[str, Any], named: str) -> None:
    run_toy(ToyTask(), tmp_path)
    with pytest.raises(ConfigError) as caught:
        run_toy(ToyTask(), tmp_path, resume=True, **changed)
    assert named in caught.value.problem
    assert "--replace" in caught.value.fix


def test_how_often_is_saved_may_change_on_resuming(whole: tuple[ToyTask, History], tmp_path: Path) -> None:
    run_toy(ToyTask(), tmp_path)
    assert run_toy(ToyTask(), tmp_path, resume=True, save_every=1) == whole[1]


@pytest.mark.parametrize(("clip_norm", "applied"), [(0.5, 0.5), (1e12, None)], ids=["long", "short enough"])
def test_a_long_gradient_is_clipped_and_logged_as_it_was(clip_norm: float, applied: float | None) -> None:
    task = ToyTask(lambda step: {"fit": 1e6})
    run = Run(task, TrainSettings(steps=2, lr=0.1, clip_norm=clip_norm))
    with torch.random.fork_rng():
        run.advance()
    found = torch.stack([p.grad.norm() for p in task.modules().parameters() if p.grad is not None]).norm()
    measured = run.history.steps["grad_norm"][0]
    assert measured > 1e4
    assert float(found) == pytest.approx(applied or measured, rel=1e-4)


def test_prepare_folder_makes_a_folder_and_leaves_it_empty(tmp_path: Path) -> None:
    prepare_folder(tmp_path / "a" / "b", "rps", resume=False, replace=False)
    assert list((tmp_path / "a" / "b").iterdir()) == []


@pytest.mark.parametrize("steps", [4, 10, 11, 100, 1000])
def test_the_schedule_is_that_of_torch(steps: int) -> None:
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=1.0)
    reference = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.02, total_steps=steps, cycle_momentum=False)
    for step in range(steps):
        assert one_cycle(step, steps, 0.02) == pytest.approx(reference.get_last_lr()[0], rel=1e-9)
        optimizer.step()
        if step < steps - 1:
            reference.step()


@given(st.integers(1, 50), st.floats(1e-6, 1.0))
def test_the_schedule_stays_within_its_peak(steps: int, peak: float) -> None:
    rates = [one_cycle(step, steps, peak) for step in range(steps)]
    assert all(0 < rate <= peak * (1 + 1e-12) for rate in rates)


@given(st.integers(0, 2**31), st.integers(0, 2**20))
def test_random_numbers_depend_on_seed_and_step_alone(seed: int, step: int) -> None:
    def drawn(seed: int, step: int) -> list[float]:
        with torch.random.fork_rng():
            generator = seed_step(seed, step)
            return [*torch.rand(2, generator=generator).tolist(), *torch.rand(2).tolist()]

    assert drawn(seed, step) == drawn(seed, step)
    assert len({*drawn(seed, step), *drawn(seed, step + 1), *drawn(seed + 1, step)}) == 12


def test_validations_draw_the_same_numbers_each_time() -> None:
    with torch.random.fork_rng():
        seed_validation(1)
        first = torch.rand(3).tolist()
        seed_validation(1)
        assert torch.rand(3).tolist() == first


def test_changing_names_of_terms_are_a_mistake_in_the_program() -> None:
    history = History()
    history.add_step({"loss": 1.0})
    with pytest.raises(ValueError, match="expected"):
        history.add_step({"loss": 1.0, "more": 2.0})


def test_the_table_has_a_row_per_step(whole: tuple[ToyTask, History]) -> None:
    columns = table(whole[1])
    assert list(columns) == ["step", "lr", "loss", "fit", "drift", "grad_norm", "validation_mse"]
    assert columns["step"].tolist() == list(range(1, STEPS + 1))
    assert (np.flatnonzero(np.isfinite(columns["validation_mse"])) + 1).tolist() == [5, 10, 12]


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"steps": 0}, "--steps"),
        ({"lr": 0.0}, "--lr"),
        ({"lr": float("nan")}, "--lr"),
        ({"clip_norm": -1.0}, "--clip-norm"),
        ({"seed": -1}, "--seed"),
        ({"validate_every": 0}, "--validate-every"),
        ({"save_every": 0}, "--save-every"),
        ({"device": "gpu"}, "--device"),
        ({"device": "cuda:x"}, "--device"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_a_setting_that_cannot_work_is_named(changed: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigError) as caught:
        TrainSettings(**{"steps": 1, "lr": 0.1, **changed})
    assert caught.value.problem.startswith(named)
    assert caught.value.fix.startswith(named)
