"""What a training is run with, whichever network is trained."""

from __future__ import annotations

import dataclasses
import math
import os
from dataclasses import dataclass
from typing import Any, Final

import torch

from choreo_service.errors import ConfigError

# What the resumed run may choose anew: it changes when states are saved, not what is learned.
FREE_ON_RESUME: Final = frozenset({"save_every"})


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """The choices behind a run. ConfigError names the option whose value can't work."""

    steps: int  # optimiser steps
    lr: float  # the highest learning rate of the one-cycle schedule
    clip_norm: float = 1.0  # gradients longer than this are scaled down to it
    seed: int = 0
    validate_every: int = 100  # steps
    save_every: int = 100  # steps; an interruption by power cut or kill loses at most so many
    device: str = "auto"  # auto, cpu, cuda or cuda:N

    def __post_init__(self) -> None:
        for name, least, usual in (
            ("steps", 1, 1000),
            ("seed", 0, 0),
            ("validate_every", 1, 100),
            ("save_every", 1, 100),
        ):
            if getattr(self, name) < least:
                found = f"{option(name)} is {getattr(self, name)}"
                raise ConfigError(f"{found}; expected a whole number from {least}", fix=f"{option(name)} {usual}")
        for name, example in (("lr", "0.002"), ("clip_norm", "1")):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                found = f"{option(name)} is {value:g}"
                raise ConfigError(f"{found}; expected a number above 0", fix=f"{option(name)} {example}")
        if self.device not in ("auto", "cpu", "cuda") and not _is_numbered_gpu(self.device):
            raise ConfigError(
                f"--device is {self.device!r}; expected auto, cpu, cuda or cuda:NUMBER", fix="--device auto"
            )

    def to_dict(self) -> dict[str, Any]:
        """All settings as JSON types."""
        return dataclasses.asdict(self)


def option(name: str) -> str:
    """The command-line option of a setting."""
    return f"--{name.replace('_', '-')}"


def use_one_thread() -> None:
    """Keep torch to one CPU thread: a second one gains nothing on nets of this size, and on a busy machine the two wait
    for each other up to a hundred times as long as one works."""
    torch.set_num_threads(1)


def resolve_device(name: str) -> torch.device:
    """The device `TrainSettings.device` means here: auto is the GPU if torch sees one, else the CPU.

    ConfigError when a GPU is asked for that torch doesn't see.
    """
    there = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if name == "auto":
        name = "cuda" if there else "cpu"
    device = torch.device(name)
    if device.type == "cuda":
        if (device.index or 0) >= there:
            raise ConfigError(f"--device {name}: torch sees {there} GPUs", fix="--device auto")
        # Read when cuBLAS starts; without it deterministic algorithms are refused.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    return device


def _is_numbered_gpu(device: str) -> bool:
    kind, _, number = device.partition(":")
    return kind == "cuda" and number.isascii() and number.isdecimal()
