"""Whatever the sessions: windows stay within one, splits never leak, resumed streams are the uninterrupted ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from choreo_pipelines.datasets import Entry, split
from choreo_pipelines.datasets.recorded import Recorded, on_grid
from choreo_pipelines.datasets.sessions import SessionArrays
from choreo_pipelines.datasets.streams import CarriedStreams
from choreo_pipelines.datasets.windows import SessionWindowDataset
from choreo_service.errors import ConfigError

LENGTHS = st.lists(st.integers(0, 60), min_size=1, max_size=6)
SEEDS = st.integers(0, 2**63)
ENTRIES = st.lists(
    st.builds(
        lambda take, dancer: Entry(f"take{take}", f"dancer{dancer}", Path(f"{take}-{dancer}")),
        st.integers(0, 12),
        st.integers(0, 12),
    ),
    max_size=20,
    unique=True,
)


def _sessions(lengths: list[int]) -> list[SessionArrays]:
    return [
        {"where": np.stack([np.full(n, s), np.arange(n)], axis=1), "x": np.arange(n, dtype=np.float32)}
        for s, n in enumerate(lengths)
    ]


@given(lengths=LENGTHS, window=st.integers(1, 30), stride=st.integers(1, 12))
def test_windows_are_all_contiguous_slices_of_one_session(lengths: list[int], window: int, stride: int) -> None:
    expected = [
        [[s, frame] for frame in range(start, start + window)]
        for s, n in enumerate(lengths)
        for start in range(0, n - window + 1, stride)
    ]
    assume(expected)
    windows = SessionWindowDataset(_sessions(lengths), window, stride)
    assert [windows[i]["where"].tolist() for i in range(len(windows))] == expected
    assert [windows.place(i) for i in range(len(windows))] == [tuple(cut[0]) for cut in expected]
    assert all(windows[i]["x"].tolist() == [frame for _, frame in expected[i]] for i in range(len(windows)))


@given(
    lengths=LENGTHS,
    batch=st.integers(1, 4),
    length=st.integers(1, 20),
    seed=SEEDS,
    share=st.sampled_from([0.0, 0.02, 0.5, 1.0]),
    cut=st.integers(0, 30),
)
@settings(deadline=None)
def test_resumed_streams_are_the_uninterrupted_ones(
    lengths: list[int], batch: int, length: int, seed: int, share: float, cut: int
) -> None:
    assume(max(lengths) >= length)
    sessions = _sessions(lengths)
    straight = CarriedStreams(sessions, batch, length, seed, share)
    expected = [straight.next(step) for step in range(30)]
    first, second = (CarriedStreams(sessions, batch, length, seed, share) for _ in range(2))
    found = [first.next(step) for step in range(cut)]
    second.load_state(first.state())
    found += [second.next(step) for step in range(cut, 30)]
    for a, b in zip(expected, found, strict=True):
        assert a.keys() == b.keys()
        assert all(torch.equal(a[name], b[name]) for name in a)
    assert {name: array.tolist() for name, array in second.state().items()} == {
        name: array.tolist() for name, array in straight.state().items()
    }


@given(lengths=LENGTHS, batch=st.integers(1, 4), length=st.integers(1, 20), seed=SEEDS)
@settings(deadline=None)
def test_a_chunk_is_a_slice_of_one_session_and_adjoins_the_one_before(
    lengths: list[int], batch: int, length: int, seed: int
) -> None:
    assume(max(lengths) >= length)
    streams = CarriedStreams(_sessions(lengths), batch, length, seed, reset_share=0.1)
    last = np.zeros((batch, 2), np.int64)
    for step in range(30):
        chunk = streams.next(step)
        where, reset = chunk["where"].numpy(), chunk["reset"].numpy()
        assert where.shape == (batch, length, 2)
        assert (where[:, :, 0] == where[:, :1, 0]).all()
        assert (np.diff(where[:, :, 1], axis=1) == 1).all()
        assert reset.all() or step > 0
        assert (where[~reset, 0] == last[~reset] + [0, 1]).all()
        last = where[:, -1]


@given(entries=ENTRIES, seed=SEEDS, share=st.floats(0.01, 0.99), shuffle=st.randoms(use_true_random=False))
def test_a_split_never_leaks_and_depends_on_the_entries_alone(
    entries: list[Entry], seed: int, share: float, shuffle: object
) -> None:
    try:
        sides = split(entries, seed=seed, validation_share=share)
    except ConfigError:
        _one_group(entries)
        return
    assert sorted(sides.train + sides.validation) == list(range(len(entries)))
    assert sides.train
    assert sides.validation
    train, validation = ([entries[i] for i in side] for side in (sides.train, sides.validation))
    assert not {entry.performer_id for entry in train} & {entry.performer_id for entry in validation}
    assert not {entry.name for entry in train} & {entry.name for entry in validation}

    others = entries.copy()
    shuffle.shuffle(others)  # type: ignore[attr-defined]
    again = split(others, seed=seed, validation_share=share)
    assert {others[i] for i in again.validation} == set(validation)


def _one_group(entries: list[Entry]) -> None:
    """All entries hang together by common takes and dancers: nothing could have been set aside."""
    reached, waiting = set(entries[:1]), entries[:1]
    while waiting:
        here = waiting.pop()
        near = {e for e in entries if e.name == here.name or e.performer_id == here.performer_id} - reached
        reached |= near
        waiting += near
    assert reached == set(entries)


@given(
    steps=st.lists(st.integers(1, 400), max_size=40),
    period_ms=st.integers(1, 100),
    start=st.integers(-(10**12), 10**12),
)
def test_a_grid_never_looks_ahead(steps: list[int], period_ms: int, start: int) -> None:
    t_ns = start + np.cumsum([0, *steps]).astype(np.int64) * 1_000_000
    features = np.repeat(np.arange(len(t_ns), dtype=np.float32)[:, None], 11, axis=1)
    even = on_grid(Recorded(t_ns, features, np.ones((len(t_ns), 4), np.uint8)), period_ms * 1_000_000)
    assert even.t_ns[0] == t_ns[0]
    assert set(np.diff(even.t_ns).tolist()) <= {period_ms * 1_000_000}
    assert t_ns[-1] - period_ms * 1_000_000 < even.t_ns[-1] <= t_ns[-1]
    for at, row in zip(even.t_ns.tolist(), even.features[:, 0].astype(int).tolist(), strict=True):
        assert row == max(i for i, t in enumerate(t_ns.tolist()) if t <= at)
