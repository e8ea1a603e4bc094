"""What depends on the step alone, learning rate and random numbers: a resumed run needs no memory of them."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import torch

WARM_UP_SHARE: Final = 0.3
START_DIVISOR: Final = 25.0
END_DIVISOR: Final = 1e4


def one_cycle(step: int, steps: int, peak: float) -> float:
    """Learning rate of step 0..steps-1: a cosine from peak/25 up to `peak`, and one down to peak/25/1e4.

    The schedule of Smith and Topin (Super-Convergence, 2018) with the shares and divisors of torch's OneCycleLR.
    """
    start, end = peak / START_DIVISOR, peak / START_DIVISOR / END_DIVISOR
    top = max(0.0, WARM_UP_SHARE * steps - 1.0)
    if step < top:
        return _cosine(start, peak, step / top)
    return _cosine(peak, end, (step - top) / max(1.0, steps - 1.0 - top))


def seed_step(seed: int, step: int) -> torch.Generator:
    """A CPU generator for step 0..; torch's global generators (dropout) are seeded from (seed, step) as well."""
    own, shared = _words(seed, step)
    torch.manual_seed(shared)
    return torch.Generator().manual_seed(own)


def seed_validation(seed: int) -> None:
    """Seed torch's global generators the same way for every validation, so that validations compare."""
    torch.manual_seed(_words(seed, _VALIDATION)[0])


_VALIDATION: Final = 2**32  # beyond any step


def _cosine(first: float, last: float, share: float) -> float:
    return last + (first - last) / 2.0 * (1.0 + math.cos(math.pi * share))


def _words(seed: int, step: int) -> tuple[int, int]:
    """Two independent words of 63 bits: neighbouring seeds and steps share nothing."""
    own, shared = np.random.SeedSequence((seed, step)).generate_state(2, np.uint64).tolist()
    return own >> 1, shared >> 1
