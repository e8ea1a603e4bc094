"""One run between two steps: weights, Adam's moments, the task's state, the history; and how a step changes them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import torch
from torch.optim import Adam  # noqa: TID251 - this is where training lives

from choreo_pipelines.training.errors import TrainingError
from choreo_pipelines.training.history import History
from choreo_pipelines.training.schedule import one_cycle, seed_step, seed_validation
from choreo_pipelines.training.settings import TrainSettings
from choreo_pipelines.training.task import Task


class Run:
    """A training at `step` finished steps."""

    def __init__(self, task: Task, settings: TrainSettings) -> None:
        self.task = task
        self.settings = settings
        self.step = 0
        self.history = History()
        self._module = task.modules()
        self._trained = {name: p for name, p in self._module.named_parameters() if p.requires_grad}
        self._adam = Adam(self._trained.values(), lr=settings.lr)

    def advance(self) -> None:
        """Do one step. TrainingError, with the weights as they were, when loss or gradient are not finite."""
        rate = one_cycle(self.step, self.settings.steps, self.settings.lr)
        generator = seed_step(self.settings.seed, self.step)
        self._module.train()
        terms = self.task.loss(self.step, generator)
        values = {name: float(term.detach()) for name, term in terms.items()}
        self._refuse_non_finite(values)
        self._adam.zero_grad(set_to_none=True)
        terms["loss"].backward()  # type: ignore[no-untyped-call]
        norm = float(torch.nn.utils.clip_grad_norm_(self._trained.values(), self.settings.clip_norm))
        if not math.isfinite(norm):
            raise self._diverged(f"the gradient {self._where_not_finite()} is not finite")
        for group in self._adam.param_groups:
            group["lr"] = rate
        self._adam.step()
        with torch.no_grad():
            self.task.after_step()
        self.step += 1
        self.history.add_step({"lr": rate, **values, "grad_norm": norm})

    def validate(self) -> dict[str, float]:
        """Run the task's validation, put its metrics into the history and return them."""
        seed_validation(self.settings.seed)
        self._module.eval()
        with torch.no_grad():
            metrics = {name: float(value) for name, value in self.task.validate().items()}
        self.history.add_validation(metrics)
        return metrics

    def finish(self) -> None:
        """Leave the modules as they are used: in eval mode, without the last gradients."""
        self._adam.zero_grad(set_to_none=True)
        self._module.eval()

    def tensors(self) -> dict[str, torch.Tensor]:
        """All of it under flat names, for `restore`."""
        flat = {f"module.{name}": tensor for name, tensor in self._module.state_dict().items()}
        for name, parameter in self._trained.items():
            flat |= {f"adam.{name}.{slot}": value for slot, value in self._adam.state[parameter].items()}
        flat |= {f"task.{name}": torch.from_numpy(array.copy()) for name, array in self.task.state().items()}
        return flat | {f"history.{name}": torch.from_numpy(v) for name, v in self.history.to_arrays().items()}

    def restore(self, step: int, tensors: Mapping[str, torch.Tensor]) -> None:
        """Go on after `step` steps. TrainingError when the tensors are those of other modules."""
        try:
            self._module.load_state_dict(dict(_part(tensors, "module")))
            self._restore_adam(dict(_part(tensors, "adam")))
            self.task.load_state({name: tensor.numpy() for name, tensor in _part(tensors, "task")})
        except (RuntimeError, KeyError, ValueError) as error:
            raise TrainingError(
                f"the saved state is of another network: {error}", fix="start anew: --replace"
            ) from error
        self.history = History.from_arrays({name: tensor.numpy() for name, tensor in _part(tensors, "history")})
        self.step = step

    def _restore_adam(self, moments: Mapping[str, torch.Tensor]) -> None:
        saved = self._adam.state_dict()
        for index, name in enumerate(self._trained):
            prefix = f"{name}."
            slots = {key.removeprefix(prefix): value for key, value in moments.items() if key.startswith(prefix)}
            if slots:  # a parameter that never had a gradient has no moments
                saved["state"][index] = slots
        self._adam.load_state_dict(saved)

    def _refuse_non_finite(self, values: Mapping[str, float]) -> None:
        """The terms come before their sum: the sum only says that one of them is wrong."""
        for name in sorted(values, key=lambda name: name == "loss"):
            if not math.isfinite(values[name]):
                raise self._diverged(f"the term {name!r} is {values[name]}")

    def _where_not_finite(self) -> str:
        for name, parameter in self._trained.items():
            if parameter.grad is not None and not bool(torch.isfinite(parameter.grad).all()):
                return f"of {name}"
        return "as a whole (its length)"

    def _diverged(self, what: str) -> TrainingError:
        last = self.history.last_finite("loss")
        before = (
            "no step before it was finished"
            if last is None
            else f"the last finite loss is {last[1]:.4g}, of step {last[0]}"
        )
        rate = self.settings.lr / 5
        return TrainingError(
            f"step {self.step + 1} of {self.settings.steps}: {what}; {before}",
            fix=f"smaller steps: --lr {rate:.2g} --replace; or look for what is odd in a take: choreo-lab inspect TAKE",
        )


def _part(tensors: Mapping[str, torch.Tensor], section: str) -> Iterator[tuple[str, torch.Tensor]]:
    prefix = f"{section}."
    return ((name.removeprefix(prefix), tensor) for name, tensor in tensors.items() if name.startswith(prefix))
