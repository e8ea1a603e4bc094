"""Windows and streams copy what they hand out and nothing else."""

from __future__ import annotations

import pickle
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from choreo_pipelines.datasets import MappedArrays, map_arrays, write_arrays
from choreo_pipelines.datasets.sessions import SessionArrays
from choreo_pipelines.datasets.streams import CarriedStreams
from choreo_pipelines.datasets.windows import SessionWindowDataset

FRAMES = 3000


def _session(folder: Path, number: int, frames: int = FRAMES) -> MappedArrays:
    """`where` says of each frame which session and place it is."""
    where = np.stack([np.full(frames, number), np.arange(frames)], axis=1).astype(np.int64)
    z = np.repeat(where[:, 1:].astype(np.float32), 104, axis=1)
    write_arrays(folder / f"{number}.arrow", {"z": z, "where": where, "beat_phase": z[:, 0] % 1}, {})
    return map_arrays(folder / f"{number}.arrow")


@pytest.fixture
def sessions(tmp_path: Path) -> list[MappedArrays]:
    return [_session(tmp_path, number) for number in range(4)]


def test_a_window_is_a_copy_one_may_write_to(sessions: list[MappedArrays]) -> None:
    windows = SessionWindowDataset(sessions, window=20, stride=7)
    item = windows[5]
    assert {name: (tuple(t.shape), t.dtype) for name, t in item.items()} == {
        "z": ((20, 104), torch.float32),
        "where": ((20, 2), torch.int64),
        "beat_phase": ((20,), torch.float32),
    }
    item["where"] += 1
    assert windows[5]["where"][0].tolist() == [0, 35]


def test_windows_end_where_python_sequences_end(sessions: list[MappedArrays]) -> None:
    windows = SessionWindowDataset(sessions)
    assert windows[-1]["where"][-1].tolist() == [3, FRAMES - 1]
    assert windows[-len(windows)]["where"][0].tolist() == [0, 0]
    for index in (len(windows), -len(windows) - 1):
        with pytest.raises(IndexError):
            windows[index]


def test_a_pickled_dataset_holds_no_frames(sessions: list[MappedArrays], tmp_path: Path) -> None:
    windows = SessionWindowDataset(sessions)
    frozen = pickle.dumps(windows)
    corpus = sum(array.nbytes for session in sessions for array in session.values())
    assert len(frozen) < 5000 < corpus / 1000
    thawed = pickle.loads(frozen)
    assert len(thawed) == len(windows)
    assert thawed[4000]["where"].tolist() == windows[4000]["where"].tolist()


def test_workers_of_a_loader_give_what_the_dataset_gives(sessions: list[MappedArrays]) -> None:
    windows = SessionWindowDataset(sessions, window=50, stride=50)
    loader = DataLoader(windows, batch_size=16, num_workers=2)
    batches = list(loader)
    found = torch.cat([batch["where"] for batch in batches])
    assert found.shape == (len(windows), 50, 2)
    assert torch.equal(found, torch.stack([windows[i]["where"] for i in range(len(windows))]))


def test_iterating_does_not_load_the_corpus(sessions: list[MappedArrays]) -> None:
    corpus = sum(array.nbytes for session in sessions for array in session.values())
    tracemalloc.start()
    try:
        windows = SessionWindowDataset(sessions, window=50, stride=10)
        streams = CarriedStreams(sessions, batch=4, length=50, seed=0)
        seen = sum(int(windows[i]["where"][0, 1]) for i in range(len(windows)))
        seen += sum(int(streams.next(step)["where"][0, 0, 1]) for step in range(100))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert seen > 0
    assert peak < 0.1 * corpus


@pytest.mark.parametrize(("window", "stride"), [(0, 1), (-5, 1), (50, 0), (FRAMES + 1, 1)])
def test_windows_there_are_none_of_are_refused(sessions: list[MappedArrays], window: int, stride: int) -> None:
    with pytest.raises(ValueError, match="window"):
        SessionWindowDataset(sessions, window, stride)


@pytest.mark.parametrize(
    "sessions",
    [
        [],
        [{}],
        [{"z": np.zeros((9, 2)), "t": np.zeros(8)}],
        [{"z": np.zeros((9, 2))}, {"y": np.zeros((9, 2))}],
        [{"z": np.zeros((9, 2))}, {"z": np.zeros((9, 3))}],
        [{"z": np.zeros((9, 2))}, {"z": np.zeros((9, 2), np.float32)}],
    ],
)
def test_sessions_that_do_not_fit_together_are_refused(sessions: list[SessionArrays]) -> None:
    with pytest.raises(ValueError, match=r"expected|no window"):
        SessionWindowDataset(sessions, window=2)
    with pytest.raises(ValueError, match=r"expected|no chunk"):
        CarriedStreams(sessions, batch=1, length=2, seed=0)


def test_lanes_walk_on_where_they_are_not_reset(sessions: list[MappedArrays]) -> None:
    streams = CarriedStreams(sessions, batch=3, length=40, seed=1)
    last = None
    resets = 0
    for step in range(400):
        chunk = streams.next(step)
        where = chunk["where"].numpy()
        if last is None:
            assert chunk["reset"].all()
        else:
            on = ~chunk["reset"].numpy()
            assert (where[on, 0] == last[on] + [0, 1]).all()
            resets += int((~on).sum())
        last = where[:, -1]
    ends = 3 * 400 * 40 / FRAMES
    jumps = 3 * 400 * 0.02
    assert 0.6 * (ends + jumps) < resets < 1.6 * (ends + jumps)


def test_every_frame_is_seen_about_equally_often(tmp_path: Path) -> None:
    """A short session is not visited more often for its size, nor are beginnings missed."""
    sessions = [_session(tmp_path, number, frames) for number, frames in enumerate((2000, 400, 1000))]
    streams = CarriedStreams(sessions, batch=50, length=20, seed=2, reset_share=0.05)
    seen = [np.zeros(len(session["where"])) for session in sessions]
    for step in range(1500):
        for lane in streams.next(step)["where"].numpy():
            seen[lane[0, 0]][lane[:, 1]] += 1
    mean = sum(counts.sum() for counts in seen) / 3400
    for counts in seen:
        inner = counts[20:-20].reshape(-1, 40).mean(axis=1)
        assert np.abs(inner / mean - 1).max() < 0.25


def test_without_jumps_lanes_leave_a_session_at_its_end_alone(sessions: list[MappedArrays]) -> None:
    streams = CarriedStreams(sessions, batch=2, length=50, seed=3, reset_share=0.0)
    last = streams.next(0)["where"].numpy()[:, -1]
    begun: list[int] = []
    for step in range(1, 600):
        chunk = streams.next(step)
        where, reset = chunk["where"].numpy(), chunk["reset"].numpy()
        assert (last[reset, 1] >= FRAMES - 50).all()
        begun += where[reset, 0, 1].tolist()
        last = where[:, -1]
    assert max(begun) < 50
    assert len(set(begun)) > len(begun) / 2  # chunks don't always fall on the same borders


def test_a_state_of_other_streams_is_refused(sessions: list[MappedArrays]) -> None:
    streams = CarriedStreams(sessions, batch=2, length=50, seed=0)
    for session, frame in (
        ([0], [0]),
        ([0, 4], [0, 0]),
        ([0, -2], [0, 0]),
        ([0, 0], [0, -1]),
        ([0, 0], [0, FRAMES + 1]),
    ):
        with pytest.raises(ValueError, match="state"):
            streams.load_state({"session": np.array(session), "frame": np.array(frame)})
    streams.load_state({"session": np.array([3, -1]), "frame": np.array([FRAMES, 0])})


@pytest.mark.parametrize(("batch", "length", "share"), [(0, 5, 0.1), (1, 0, 0.1), (1, 5, 1.1), (1, FRAMES + 1, 0.1)])
def test_streams_that_can_not_be_are_refused(
    sessions: list[MappedArrays], batch: int, length: int, share: float
) -> None:
    with pytest.raises(ValueError, match=r"length|chunk"):
        CarriedStreams(sessions, batch, length, 0, share)


def test_no_array_may_be_called_reset() -> None:
    with pytest.raises(ValueError, match="reset"):
        CarriedStreams([{"reset": np.zeros(9, np.float32)}], batch=1, length=3, seed=0)
