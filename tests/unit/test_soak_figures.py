"""What `make soak` computes from stamps, on stamps whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from bench.soak import poisoned
from bench.soak.hosted import Ticks
from bench.soak.receiver import Arrivals, Cadence
from bench.soak.stalled import _most_in_a_slot
from bench.soak.steady import _drift_ms

MS = 1_000_000
GRID = np.arange(500, dtype=np.int64) * 20 * MS + 7_000_000_123


def test_an_even_stream_has_no_spread_and_an_uneven_one_has_its_own() -> None:
    assert Cadence.of(GRID) == Cadence(499, 20.0, 0.0, 20.0)
    uneven = Cadence.of([0, 10 * MS, 40 * MS])
    assert (uneven.count, uneven.mean, uneven.sd, uneven.longest) == (2, 20.0, 10.0, 30.0)


@pytest.mark.parametrize("stamps", [[], [5]])
def test_without_an_interval_it_says_so(stamps: list[int]) -> None:
    with pytest.raises(ValueError, match="fewer than two datagrams"):
        Cadence.of(stamps)


def test_late_arrivals_and_lost_slots_are_no_drift_but_a_longer_period_is() -> None:
    late = GRID + np.random.default_rng(1).choice([0, 0, 0, 9 * MS], len(GRID))
    assert abs(_drift_ms(np.delete(late, [50, 51, 300]))) < 1e-6
    assert _drift_ms(GRID + np.arange(500) * 10_000) == pytest.approx(4.5)  # 10 us a period, over nine tenths


def test_a_burst_is_counted_and_a_grid_is_none() -> None:
    assert _most_in_a_slot(GRID) == 1
    assert _most_in_a_slot(np.sort(np.append(GRID, GRID[9] + np.array([1, 2, 3]) * MS))) == 4
    assert _most_in_a_slot(GRID[:0]) == 0


def test_only_what_arrived_in_the_stretch_counts() -> None:
    arrivals = Arrivals(0)
    arrivals.stamps_ns.extend(GRID.tolist())
    assert len(arrivals.between(int(GRID[10]), int(GRID[19]))) == 10


def test_skips_ages_and_the_grid_are_read_off_the_ticks() -> None:
    kept = np.delete(np.arange(50), [20, 21])
    table = [[int(GRID[k]), int(GRID[k]) + 2 * MS, int(GRID[k]) - 5 * MS] for k in kept]
    ticks = Ticks.between(0, int(GRID[-1]), {"ticks": table})
    assert ticks.skipped == 2
    assert ticks.drift_ms == 0.0
    assert set(ticks.late_ms) == {2.0}
    assert set(ticks.age_ms) == {7.0}
    off = Ticks.between(0, int(GRID[-1]), {"ticks": [*table[:5], [table[5][0] - MS, *table[5][1:]], *table[6:]]})
    assert off.drift_ms == 1.0
    with pytest.raises(ValueError, match="no tick"):
        Ticks.between(0, 1, {"ticks": table})


def test_nonsense_is_counted_and_none_of_it_is_sent() -> None:
    played = poisoned.play(400, seed=1)
    assert played.sent > 400
    assert played.wrong == 0
    assert poisoned.play(400, seed=1) == played
    assert poisoned.play(400, seed=2) != played


def test_a_value_out_of_range_and_one_that_is_no_number_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    value = poisoned.ControlPacket.value
    wrong = iter([2.0, float("nan")])
    monkeypatch.setattr(poisoned.ControlPacket, "value", lambda self, name: next(wrong, value(self, name)))
    assert poisoned.play(100, seed=1).wrong == 2
