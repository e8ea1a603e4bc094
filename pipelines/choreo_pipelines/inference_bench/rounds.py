"""Timing variants side by side: they take turns tick by tick, so that a busy machine is busy for all of them."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from choreo_pipelines.inference_bench.variants import Variant
from choreo_service.clock import work_ns
from choreo_service.packets import FloatArray, Frame

WARM_UP: Final = 50  # ticks on variants nobody measures, as many as the service plays to itself before it goes live
FIRST: Final = 100  # ticks of which the beginning is judged

Answer = tuple[FloatArray, FloatArray]  # latent [B, 104], controls [B, 5]


@dataclass(frozen=True, slots=True, eq=False)
class Timing:
    """One variant with B performers."""

    variant: str
    performers: int
    ns: NDArray[np.int64]  # [ticks]
    latent_difference: float  # largest |difference| to the first variant over all ticks
    controls_difference: float

    @property
    def median_us(self) -> float:
        return float(np.median(self.ns)) / 1e3

    @property
    def p99_us(self) -> float:
        return float(np.percentile(self.ns, 99)) / 1e3

    @property
    def max_us(self) -> float:
        return float(self.ns.max()) / 1e3

    @property
    def first_us(self) -> float:
        """Median of the first FIRST ticks."""
        return float(np.median(self.ns[:FIRST])) / 1e3

    def to_dict(self) -> dict[str, Any]:
        """JSON types only."""
        return {
            "variant": self.variant,
            "performers": self.performers,
            "ticks": len(self.ns),
            "median_us": self.median_us,
            "p99_us": self.p99_us,
            "max_us": self.max_us,
            "first_us": self.first_us,
            "latent_difference": self.latent_difference,
            "controls_difference": self.controls_difference,
        }


def measure(
    make: Callable[[], Mapping[str, Variant]], frames: Sequence[Frame], clock_ns: Callable[[], int] = work_ns
) -> list[Timing]:
    """Every variant of `make()` over all `frames`, timed one by one; the first is what the others are compared with.

    ValueError without a frame.
    """
    if not frames:
        raise ValueError("frames: expected at least one")
    for variant in make().values():
        for frame in frames[:WARM_UP]:
            variant.step(frame)
    gc.collect()  # what the preparation left must not be collected on somebody's turn
    variants = make()
    names = list(variants)
    ns = {name: np.zeros(len(frames), np.int64) for name in names}
    apart = {name: np.zeros(2) for name in names}
    for i, frame in enumerate(frames):
        answers: dict[str, Answer] = {}
        first = i % len(names)  # nobody always runs on the caches that the same neighbour left
        for name in names[first:] + names[:first]:
            began = clock_ns()
            answers[name] = variants[name].step(frame)
            ns[name][i] = clock_ns() - began
        for name, answer in answers.items():
            np.maximum(apart[name], _apart(answer, answers[names[0]]), out=apart[name])
    rows = frames[0].performers
    return [Timing(name, rows, ns[name], float(apart[name][0]), float(apart[name][1])) for name in names]


def _apart(a: Answer, b: Answer) -> NDArray[np.float64]:
    """Largest |difference| of latents and of controls; NaN where either holds one."""
    return np.array([np.abs(x - y).max() for x, y in zip(a, b, strict=True)], np.float64)
