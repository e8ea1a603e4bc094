"""The benchmark times every variant over every tick, fairly, and notices when they play differently."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from model_samples import save_pair, small_rps

from choreo_models.inference import Pair, load_pair
from choreo_pipelines.inference_bench.frames import SILENT, dance
from choreo_pipelines.inference_bench.rounds import FIRST, WARM_UP, Timing, measure
from choreo_pipelines.inference_bench.variants import (
    NUMPY,
    TORCH,
    WINDOW,
    WINDOWED,
    Variant,
    Windowed,
    make_variants,
    one_thread,
)
from choreo_service.packets import CONTROL_NAMES, LATENT_DIM, MODALITY_NAMES, FloatArray, Frame

MOTION, HEART = (MODALITY_NAMES.index(name) for name in ("motion", "heart"))


@pytest.fixture(autouse=True)
def _alone_on_its_thread() -> Iterator[None]:
    """On a busy machine a second thread of torch waits for a core, a hundred times as long as the work takes."""
    with one_thread():
        yield


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    save_pair(tmp_path)
    return load_pair(tmp_path)


class Scripted:
    """A variant that takes as long as it is told and answers with its offset; `heard` collects (name, tick)."""

    def __init__(self, name: str, now: list[int], heard: list[tuple[str, int]], cost: Callable[[int], int]) -> None:
        self._name, self._now, self._heard, self._cost = name, now, heard, cost
        self.offset = 0.0

    def step(self, frame: Frame) -> tuple[FloatArray, FloatArray]:
        self._now[0] += self._cost(frame.k)
        self._heard.append((self._name, frame.k))
        z = np.full((1, LATENT_DIM), 2 * self.offset * (frame.k == 3), np.float32)
        return z, np.full((1, len(CONTROL_NAMES)), self.offset * (frame.k == 5), np.float32)


def scripted(ticks: int, costs: Mapping[str, Callable[[int], int]]) -> tuple[list[Timing], list[tuple[str, int]]]:
    now, heard = [0], list[tuple[str, int]]()

    def make() -> dict[str, Variant]:
        variants = {name: Scripted(name, now, heard, cost) for name, cost in costs.items()}
        variants["b"].offset = 0.25
        return dict(variants)

    return measure(make, dance(1, ticks), lambda: now[0]), heard


def test_every_tick_of_every_variant_is_timed_and_the_warm_up_is_not() -> None:
    timings, heard = scripted(300, {"a": lambda k: 1000 * k, "b": lambda k: 7000})
    a, b = timings
    assert a.ns.tolist() == [1000 * k for k in range(1, 301)]
    assert (a.median_us, a.max_us, a.first_us) == (150.5, 300.0, 50.5)
    assert a.p99_us == pytest.approx(297.01)
    assert b.ns.tolist() == [7000] * 300
    assert len(heard) == 2 * (WARM_UP + 300)
    assert FIRST == 100


def test_variants_take_turns_and_nobody_is_always_first() -> None:
    _, heard = scripted(4, {"a": lambda k: 1, "b": lambda k: 1})
    assert heard[-8:] == [("a", 1), ("b", 1), ("b", 2), ("a", 2), ("a", 3), ("b", 3), ("b", 4), ("a", 4)]


def test_a_difference_in_one_tick_is_found() -> None:
    (a, b), _ = scripted(6, {"a": lambda k: 1, "b": lambda k: 1})
    assert (a.latent_difference, a.controls_difference) == (0.0, 0.0)
    assert (b.latent_difference, b.controls_difference) == (0.5, 0.25)


def test_nothing_cannot_be_measured(pair: Pair) -> None:
    with pytest.raises(ValueError, match="at least one"):
        measure(lambda: make_variants(pair, 1), [])


@pytest.mark.parametrize("performers", [1, 3])
def test_numpy_and_torch_play_the_same_through_the_drop_outs(pair: Pair, performers: int) -> None:
    with one_thread():
        timings = measure(lambda: make_variants(pair, performers), dance(performers, 250))
    found = {timing.variant: timing for timing in timings}
    assert list(found) == [NUMPY, TORCH, WINDOWED]
    assert found[TORCH].controls_difference <= 1e-5
    assert found[TORCH].latent_difference <= 1e-5
    assert found[WINDOWED].controls_difference > 1e-5
    assert all(timing.performers == performers and len(timing.ns) == 250 for timing in timings)


def test_a_window_hears_its_last_frames_and_none_before(pair: Pair) -> None:
    frames = [f for f in dance(2, 400) if f.present.all()][: 2 * WINDOW]
    ways = [Windowed(pair, performers=2), Windowed(pair, performers=2)]
    for frame in frames[: WINDOW // 2]:
        ways[0].step(frame)
    for way in ways:
        way._scaler.statistics.reset()  # what the first way has learnt of its performers is not of the window
        way._scaler.statistics.freeze()
        answers = [way.step(frame) for frame in frames[WINDOW // 2 : WINDOW // 2 + WINDOW]]
    assert answers[-1][0].shape == (2, LATENT_DIM)
    with_past, without_past = (way.step(frames[-1]) for way in ways)
    np.testing.assert_array_equal(with_past[1], without_past[1])


def test_a_window_of_one_lasting_frame_is_that_frame(pair: Pair) -> None:
    rps = small_rps()
    way = Windowed(pair, performers=1)
    frame = dance(1, 300)[0]
    z, _ = way.step(frame)
    x = way._x[:, -1]
    expected = rps.encode(torch.from_numpy(np.array(x))).detach().numpy()
    np.testing.assert_allclose(z, expected, atol=1e-6)


def test_the_dance_is_many_bodies_that_fall_silent_holding_their_last_value() -> None:
    frames = dance(3, 500)
    assert [f.k for f in frames] == list(range(1, 501))
    assert frames[0].performers == 3
    assert len(np.unique(frames[100].motion[:, 0])) == 3
    for index, name in ((MOTION, "motion"), (HEART, "heart")):
        begin, end = (round(share * 500) for share in SILENT[name])
        gone = [i for i, f in enumerate(frames) if not f.present[:, index].any()]
        assert gone == list(range(begin, end))
        values = np.array([getattr(f, name) for f in frames])
        assert (values[begin:end] == values[begin - 1]).all()
        assert (values[end] != values[begin - 1]).any()
        assert frames[begin].age_s[0, index] > 0


def test_one_thread_is_given_back() -> None:
    torch.set_num_threads(2)
    with one_thread():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 2
