"""Steps compared with a take's, some hundred ticks at once: the same is found as tick by tick."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow.parquet as pq
import pytest
from session_samples import some_steps

from choreo_service.packets import Step
from choreo_service.replay import first_difference
from choreo_service.replay.compare import PER_FRAME, PER_LATENT, PER_STEP
from choreo_service.replay.recorded import AT_ONCE, Comparison
from choreo_service.session import Session, write_session

TICKS: Final = 2 * AT_ONCE + 40
ROWS: Final = 2 * AT_ONCE - 75  # of a batch of the take: odd, so that the second batch begins within a tick
PLACES: Final = (AT_ONCE // 2, ROWS // 2, AT_ONCE - 1, AT_ONCE, TICKS - 1)
STEPS: Final = tuple(some_steps(TICKS, performers=2))


@pytest.fixture(autouse=True)
def _uneven_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    def batches(self: Session, kind: str) -> Iterator[Any]:
        if kind in self.kinds:
            yield from pq.ParquetFile(self.path / f"{kind}.parquet").iter_batches(ROWS)

    monkeypatch.setattr(Session, "batches", batches)


@pytest.fixture(scope="module")
def take(tmp_path_factory: pytest.TempPathFactory) -> Session:
    return take_of(tmp_path_factory.mktemp("takes"), STEPS)


def take_of(folder: Path, steps: Iterable[Step]) -> Session:
    return write_session(folder / "take", packets=None, steps=steps, meta={})


def compared(take: Session, steps: Sequence[Step]) -> tuple[int, str]:
    comparison = Comparison(take)
    for i, step in enumerate(steps):
        comparison.add(STEPS[i].frame.k, step)
    return comparison.compared, comparison.difference()


def with_step(place: int, step: Step) -> list[Step]:
    return [*STEPS[:place], step, *STEPS[place + 1 :]]


def altered(value: Any) -> Any:
    """The last bit of an array's last number, or another number, truth or name."""
    if not isinstance(value, np.ndarray):
        return not value if isinstance(value, bool) else value + ("s" if isinstance(value, str) else 1)
    raw = bytearray(value.tobytes())
    raw[-value.itemsize] ^= 1
    return np.frombuffer(bytes(raw), value.dtype).reshape(value.shape)


def change(step: Step, owner: str, name: str) -> Step:
    if owner == "step":
        return replace(step, **{name: altered(getattr(step, name))})
    part = getattr(step, owner)
    return replace(step, **{owner: replace(part, **{name: altered(getattr(part, name))})})


FIELDS: Final = [
    *(("frame", name) for name in PER_FRAME),
    *(("latent", name) for name in PER_LATENT),
    *(("step", name) for name in PER_STEP),
]


def test_what_is_equal_does_not_differ(take: Session) -> None:
    assert compared(take, STEPS) == (TICKS, "")


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(("owner", "name"), FIELDS)
def test_one_bit_of_any_field_is_found_and_named(take: Session, owner: str, name: str, place: int) -> None:
    other = change(STEPS[place], owner, name)
    count, difference = compared(take, with_step(place, other))
    assert difference == first_difference(STEPS[place], other)
    assert difference.startswith(f"tick {STEPS[place].frame.k}: {owner}.{name}: expected ")
    assert count == TICKS


def test_the_first_difference_is_that_of_the_first_tick(take: Session) -> None:
    """Whatever its field, and whatever differs after it."""
    steps = with_step(90, change(STEPS[90], "step", "held"))
    steps[91] = change(STEPS[91], "frame", "motion")
    steps[TICKS - 1] = change(STEPS[TICKS - 1], "frame", "motion")
    assert compared(take, steps)[1].startswith(f"tick {STEPS[90].frame.k}: step.held: expected ")
    steps[90] = change(change(STEPS[90], "step", "held"), "frame", "age_s")
    assert compared(take, steps)[1].startswith(f"tick {STEPS[90].frame.k}: frame.age_s: expected ")


def test_zeros_and_nans_differ_by_their_bytes(tmp_path: Path) -> None:
    nan = np.full_like(STEPS[7].raw, np.nan)
    other_nan = (nan.view(np.uint32) ^ 1).view(np.float32)
    zero = np.zeros_like(STEPS[7].frame.heart)
    kept = replace(STEPS[7], raw=nan, frame=replace(STEPS[7].frame, heart=zero))
    take = take_of(tmp_path, with_step(7, kept))
    assert compared(take, with_step(7, kept))[1] == ""
    other = replace(kept, raw=other_nan)
    assert compared(take, with_step(7, other))[1] == first_difference(kept, other) != ""
    other = replace(kept, frame=replace(kept.frame, heart=-zero))
    assert compared(take, with_step(7, other))[1].startswith(f"tick {kept.frame.k}: frame.heart: expected [[0. 0.]")


def test_a_core_of_more_performers_differs(tmp_path: Path) -> None:
    take = take_of(tmp_path, some_steps(20, performers=1))
    assert compared(take, STEPS[:20])[1].startswith("tick 1: frame.motion: expected ")


def test_rows_are_those_of_their_tick(tmp_path: Path) -> None:
    """Three in one tick and one in the next are not two and two, were all of them the same."""
    zero = np.zeros_like(STEPS[0].controls)
    still = [replace(step, raw=zero, controls=zero) for step in STEPS]
    take = take_of(tmp_path, still)
    path = take.path / "controls.parquet"
    table = pq.read_table(path)
    column, rows = table.schema.get_field_index("k"), np.arange(table.num_rows)
    rows[10] = 9  # of tick 5 rather than 6
    pq.write_table(table.set_column(column, table.schema.field(column), table.column("k").take(rows)), path)
    wide = replace(still[4], raw=np.zeros((3, 5), np.float32))
    assert compared(take, still)[1] == first_difference(wide, still[4]) != ""


def test_what_a_take_lacks_is_not_compared(tmp_path: Path) -> None:
    """Ticks and latents it has no rows of; who played, and what the guards began with, in the first takes."""
    kept = [replace(step, latent=step.latent if i % 5 == 0 else None) for i, step in enumerate(STEPS)]
    kept[300:310] = [replace(step, mapper="", raw=step.raw * np.nan) for step in kept[300:310]]
    take = take_of(tmp_path, [*kept[:400], *kept[410:]])
    assert compared(take, STEPS) == (TICKS - 10, "")
    for place, owner, name, found in (
        (300, "step", "raw", False),
        (300, "step", "controls", True),
        (310, "latent", "z", True),
        (311, "latent", "z", False),
        (311, "step", "raw", True),
    ):
        difference = compared(take, with_step(place, change(STEPS[place], owner, name)))[1]
        assert bool(difference) is found, difference
    without = [replace(step, latent=None) for step in STEPS]
    assert compared(take, without)[1] == ""


def test_no_more_steps_are_kept_than_are_compared_at_once(take: Session) -> None:
    comparison, alive = Comparison(take), list[weakref.ref[Any]]()
    for step in some_steps(AT_ONCE + 30, performers=2):
        alive.append(weakref.ref(step.controls))
        comparison.add(step.frame.k, step)
    assert sum(each() is not None for each in alive) <= 31
    assert comparison.compared == AT_ONCE + 30
    assert comparison.difference() == ""
