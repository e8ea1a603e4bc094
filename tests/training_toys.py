"""A task small enough to train in milliseconds that carries everything a real one does, and a progress that listens."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from choreo_pipelines.training import History, TrainSettings, train


class Line(torch.nn.Module):
    """A linear map behind dropout and batch statistics, so that global random numbers and buffers matter."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = torch.nn.BatchNorm1d(3, affine=False)
        self.drop = torch.nn.Dropout(0.2)
        self.linear = torch.nn.Linear(3, 1)
        self.frozen = torch.nn.Parameter(torch.ones(1), requires_grad=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.linear(self.drop(self.norm(x))) * self.frozen
        return out


class ToyTask:
    """y = x · (1, -2, 0.5) with noise; carries a running number from step to step, as a stateful network would.

    `at_step` is called with the step before its loss is computed and may raise or change the terms it returns.
    """

    def __init__(self, at_step: Callable[[int], Mapping[str, float] | None] = lambda step: None) -> None:
        torch.manual_seed(5)
        self._net = Line()
        self._at_step = at_step
        self.carried = np.zeros(2, np.float32)
        self.projections = 0

    def modules(self) -> Line:
        return self._net

    def loss(self, step: int, generator: torch.Generator) -> dict[str, torch.Tensor]:
        changed = self._at_step(step) or {}
        assert self._net.training
        x = torch.randn(16, 3, generator=generator)
        y = x @ torch.tensor([[1.0], [-2.0], [0.5]]) + 0.01 * torch.randn(16, 1, generator=generator)
        fit = ((self._net(x) - y) ** 2).mean() * changed.get("fit", 1.0)
        drift = (self._net.linear.bias - float(self.carried[0])).square().sum()
        self.carried[0] = 0.9 * self.carried[0] + 0.1 * float(fit.detach())
        return {"loss": fit + 0.01 * drift * changed.get("drift", 1.0), "fit": fit, "drift": drift}

    def after_step(self) -> None:
        self.projections += 1
        self._net.linear.weight.clamp_(-1.9, 1.9)

    def validate(self) -> dict[str, float]:
        assert not self._net.training
        x = torch.randn(64, 3)  # of torch's global generator, which every validation finds alike
        return {"mse": float(((self._net(x) - x @ torch.tensor([[1.0], [-2.0], [0.5]])) ** 2).mean())}

    def state(self) -> dict[str, NDArray[Any]]:
        return {"carried": self.carried}

    def load_state(self, state: Mapping[str, NDArray[Any]]) -> None:
        self.carried = np.array(state["carried"])

    def weights(self) -> dict[str, NDArray[Any]]:
        return {name: tensor.numpy().copy() for name, tensor in self._net.state_dict().items()}


class Listener:
    """Remembers what the loop told it."""

    def __init__(self) -> None:
        self.events: list[tuple[Any, ...]] = []

    def begin(self, first: int, steps: int) -> None:
        self.events.append(("begin", first, steps))

    def step(self, step: int, loss: float) -> None:
        self.events.append(("step", step))

    def validated(self, step: int, metrics: Mapping[str, float]) -> None:
        self.events.append(("validated", step, *metrics))

    def end(self) -> None:
        self.events.append(("end",))


def run_toy(
    task: ToyTask, folder: Path, *, resume: bool = False, listener: Listener | None = None, **changed: Any
) -> History:
    """Train the toy for 12 steps, with `changed` settings."""
    settings = TrainSettings(**{"steps": 12, "lr": 0.05, "validate_every": 5, "save_every": 4, **changed})
    return train(
        task, settings, folder, kind="rps", resume=resume, progress=listener or Listener(), identity={"data": "d1"}
    )
