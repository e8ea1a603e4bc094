"""Python's garbage collector, kept off the tick: it runs in the idle time between two ticks.

What was there after warm-up is frozen: one full collection over the imported modules takes several ticks.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Final

from choreo_service.clock import NS, Clock
from choreo_service.ticker import between_ticks

# A pause is as long as what there is to look at. So: often, and what is new; once a second what outlived that too; once
# a minute all that isn't frozen.
_EVERY_S: Final = 0.1
_MIDDLE_EVERY: Final = 10  # collections
_ALL_EVERY: Final = 600


def take_over() -> None:
    """Collect, freeze what lives for ever, and collect by `collect_between_ticks` alone from now on."""
    gc.collect()
    gc.freeze()
    gc.disable()


def give_back() -> None:
    """The interpreter's own collector again."""
    gc.enable()
    gc.unfreeze()


async def collect_between_ticks(clock: Clock, period_ns: int, last_due_ns: Callable[[], int]) -> None:
    """Ten times a second, until cancelled; `last_due_ns` tells when the newest tick was due."""
    apart = max(1, round(_EVERY_S * NS / period_ns))
    passes = 0
    while True:
        await between_ticks(clock, period_ns, last_due_ns(), apart=apart)
        passes += 1
        gc.collect(2 if passes % _ALL_EVERY == 0 else 1 if passes % _MIDDLE_EVERY == 0 else 0)
