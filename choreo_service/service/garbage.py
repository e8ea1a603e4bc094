"""Python's garbage collector, kept off the tick: it runs in the idle time between two ticks.

What was there after warm-up is frozen: one full collection over the imported modules takes several ticks.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Final

from choreo_service.clock import NS, Clock

_YOUNG_EVERY_S: Final = 1.0
_ALL_EVERY: Final = 60  # young collections
_AFTER: Final = 0.3  # of a period after the tick was due: its work is done, and most of the period is left


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
    """Once a second, until cancelled; `last_due_ns` tells when the newest tick was due."""
    passes = 0
    while True:
        await clock.sleep_until(clock.now_ns() + round(_YOUNG_EVERY_S * NS))
        now_ns = clock.now_ns()
        slots = (now_ns - last_due_ns()) // period_ns + 1
        await clock.sleep_until(last_due_ns() + slots * period_ns + round(_AFTER * period_ns))
        passes += 1
        gc.collect(2 if passes % _ALL_EVERY == 0 else 1)
