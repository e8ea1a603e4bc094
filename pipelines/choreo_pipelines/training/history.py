"""What a run measured of itself, step by step."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Series = NDArray[np.float64]


@dataclass(slots=True)
class History:
    """One value per finished step for every name in `steps`, one per validation for every name in `validations`."""

    steps: dict[str, list[float]] = field(default_factory=dict)  # lr, every term of the loss, grad_norm
    validations: dict[str, list[float]] = field(default_factory=dict)  # step (finished steps), every metric

    @property
    def finished(self) -> int:
        """How many steps are in it."""
        return len(next(iter(self.steps.values()), ()))

    def add_step(self, values: Mapping[str, float]) -> None:
        """The measurements of the next step. ValueError when the names aren't those of the steps before."""
        _add(self.steps, values)

    def add_validation(self, values: Mapping[str, float]) -> None:
        """The metrics of a validation after the steps that are in. ValueError for other names than before."""
        _add(self.validations, {"step": float(self.finished), **values})

    def last_finite(self, name: str) -> tuple[int, float] | None:
        """The last finite value of a step's measurement and its step, counted from 1; None when there is none."""
        values = self.steps.get(name, ())
        return next(((n, values[n - 1]) for n in range(len(values), 0, -1) if math.isfinite(values[n - 1])), None)

    def to_arrays(self) -> dict[str, Series]:
        """Every series under "steps.NAME" or "validations.NAME"."""
        tables = {"steps": self.steps, "validations": self.validations}
        return {f"{table}.{name}": np.array(v) for table, columns in tables.items() for name, v in columns.items()}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Series]) -> History:
        """The inverse of `to_arrays`."""
        history = cls()
        for key, values in arrays.items():
            table, _, name = key.partition(".")
            (history.steps if table == "steps" else history.validations)[name] = values.tolist()
        return history


def _add(columns: dict[str, list[float]], values: Mapping[str, float]) -> None:
    if columns and set(columns) != set(values):
        raise ValueError(f"found {sorted(values)}, expected {sorted(columns)} as before")
    for name, value in values.items():
        columns.setdefault(name, []).append(float(value))
