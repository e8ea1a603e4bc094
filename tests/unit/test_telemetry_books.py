"""Every slot of the grid is in the books, those a busy start has missed as well."""

from __future__ import annotations

import numpy as np
import pytest
from shows import PERIOD, make_core

from choreo_service.telemetry import Telemetry
from choreo_service.ticker import Tick


@pytest.mark.parametrize("first", [1, 3])
def test_played_and_skipped_slots_fill_the_grid_from_its_first_one(first: int) -> None:
    core, telemetry = make_core(), Telemetry(period_ns=PERIOD, performers=1)
    last = 0
    for k in (first, first + 1, first + 5):
        telemetry.observe(Tick(k, k - last, k * PERIOD, 0), core.step(k, k - last, k * PERIOD, ()), 0)
        last = k
    assert telemetry.first_due_ns == PERIOD
    assert telemetry.ticks + telemetry.skipped == (telemetry.last_due_ns - telemetry.first_due_ns) // PERIOD + 1
    assert np.isfinite(telemetry.hz)
