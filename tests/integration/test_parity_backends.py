"""numpy plays what torch was taught: five minutes with the state carried, through drop-outs and returns, to 1e-5."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from shows import make_core

pytest.importorskip("torch")

from trained_pair import trained_pair

from choreo_models.checkpoint import Checkpoint
from choreo_models.inference import Pair, make_players
from choreo_models.inference.kernels import CoherenceKernel, ReflexKernel
from choreo_models.inference.torch_kernel import TorchCoherence, TorchReflex, mapper_of, rps_of
from choreo_pipelines.generator import HZ, Settings, generate
from choreo_pipelines.inference_bench.variants import one_thread
from choreo_pipelines.playing import Played, play, without
from choreo_service.packets import MODALITY_NAMES
from choreo_service.protocols import Models
from choreo_service.replay import TapeEntry, take_entries

PARITY = 1e-5
TICKS = 15_000  # five minutes
PERIOD_NS = 20_000_000
MOTION_GONE = [(20.0, 22.0), (80.0, 90.0), (170.0, 180.0)]  # s; the last one while the heart is gone, too
HEART_GONE = [(150.0, 210.0)]
BEGINNING = 1_250  # ticks, the first drop-out and the return from it
APPEARED = 200  # ticks after which the heart is believed, too
BEFORE = 1_000  # ticks until the first drop-out


@pytest.fixture(scope="module")
def tape(tmp_path_factory: pytest.TempPathFactory) -> list[TapeEntry]:
    """A synthetic dancer whose sensors fall silent and come back."""
    settings = Settings(minutes=TICKS / HZ / 60.0, hr_mode="ble")
    ((take, _, _),) = generate(settings, sessions=1, seed=21, out=tmp_path_factory.mktemp("m0"))
    whole = take_entries(take, PERIOD_NS)
    return list(without(without(whole, "motion", MOTION_GONE), "heart", HEART_GONE))


@pytest.fixture(scope="module")
def reference(tape: list[TapeEntry]) -> Iterator[Played]:
    """The tape as torch plays it."""
    pair = trained_pair()
    kernels = TorchCoherence(rps_of(pair.rps.weights)), TorchReflex(mapper_of(pair.mapper.weights))
    with one_thread():
        yield played(pair, tape, kernels)


def played(
    pair: Pair, tape: Sequence[TapeEntry], kernels: tuple[CoherenceKernel, ReflexKernel] | None = None
) -> Played:
    players = make_players(pair, performers=1, period_s=1.0 / HZ, kernels=kernels)
    models = Models(players.name, players.coherence, players.normaliser, players.mapper)
    return play(tape, make_core(models=models), name="m0")


def apart(a: Played, b: Played, ticks: slice = slice(None)) -> dict[str, float]:
    """Largest |difference| of the latent and of what the mapper gave; NaN where one has none."""
    assert a.z is not None
    assert b.z is not None
    return {
        "z": float(np.abs(a.z[ticks] - b.z[ticks]).max()),
        "raw": float(np.abs(a.raw[ticks] - b.raw[ticks]).max()),
    }


def perturbed(pair: Pair, kind: str, name: str, place: tuple[int, ...], by: float = 1e-3) -> Pair:
    """The pair with one number of one net changed."""
    checkpoint: Checkpoint = getattr(pair, kind)
    value = np.array(checkpoint.weights[name])
    value[place] += by
    changed = dataclasses.replace(checkpoint, weights={**checkpoint.weights, name: value})
    return dataclasses.replace(pair, **{kind: changed})


def test_five_minutes_with_drop_outs_stay_together(tape: list[TapeEntry], reference: Played) -> None:
    numpy_plays = played(trained_pair(), tape)
    assert len(numpy_plays) >= TICKS - 1
    assert numpy_plays.mapper == reference.mapper == trained_pair().name
    assert not numpy_plays.held.any()
    found = apart(numpy_plays, reference)
    assert found["z"] <= PARITY
    assert found["raw"] <= PARITY
    assert np.abs(numpy_plays.controls - reference.controls).max() <= PARITY
    np.testing.assert_array_equal(numpy_plays.filled, reference.filled)


def test_the_tape_is_a_dance_in_which_sensors_come_and_go(reference: Played) -> None:
    assert reference.filled is not None
    missing = {name: reference.filled[:, i] for i, name in enumerate(MODALITY_NAMES)}
    turns = {name: int(np.count_nonzero(np.diff(gone.astype(int)))) for name, gone in missing.items()}
    assert turns == {"motion": 1 + 6, "heart": 1 + 2, "beat": 0, "context": 0}  # the first is their appearance
    assert missing["motion"].sum() > 12 * HZ
    assert missing["heart"].sum() > 50 * HZ
    assert (missing["motion"] & missing["heart"]).sum() > 9 * HZ
    assert (np.ptp(reference.raw, axis=0) > 0.005).all()  # equal because both rest would prove nothing


@pytest.mark.parametrize(
    ("kind", "name", "place"),
    [
        ("rps", "encoders.motion.first.weight", (0, 0)),
        ("rps", "encoders.heart.second.weight", (3, 1)),
        ("mapper", "gru.weight_ih_l0", (-1, 0)),
        ("mapper", "gru.bias_hh_l0", (-1,)),
        ("mapper", "head.weight", (4, 0)),
    ],
)
def test_a_weight_that_is_off_by_a_thousandth_shows(
    tape: list[TapeEntry], reference: Played, kind: str, name: str, place: tuple[int, ...]
) -> None:
    other = played(perturbed(trained_pair(), kind, name, place), tape[:BEGINNING])
    found = apart(other, _cut(reference, BEGINNING))
    assert max(found.values()) > PARITY


def test_a_translator_that_is_off_shows_in_the_drop_out_alone(tape: list[TapeEntry], reference: Played) -> None:
    from_heart = ("rps", "translators.motion.linear.weight", (0, 70))
    other = played(perturbed(trained_pair(), *from_heart), tape[:BEGINNING])
    beginning = _cut(reference, BEGINNING)
    assert apart(other, beginning, slice(APPEARED, BEFORE))["z"] <= PARITY
    assert apart(other, beginning, slice(BEFORE, BEGINNING))["z"] > PARITY


def _cut(whole: Played, ticks: int) -> Played:
    assert whole.z is not None
    return dataclasses.replace(whole, z=whole.z[:ticks], raw=whole.raw[:ticks])
