"""The nets keep their own time: fifty steps a second at any tick, skipped ticks caught up, long gaps forgotten."""

from __future__ import annotations

import numpy as np
import pytest
from model_samples import HZ, MEAN, Flat, coherence, dancing, frame, rps_weights, small_mapper, small_rps, through_json

from choreo_models.inference.coherence import MEMORY_S, Coherence
from choreo_models.inference.grid import MOST_AT_ONCE, Grid
from choreo_models.inference.numpy_kernel import NumpyCoherence, NumpyReflex
from choreo_models.inference.reflex import NEUTRAL, LatentScale, Reflex
from choreo_models.inference.standardise import FeatureScaler
from choreo_models.inference.torch_kernel import weights_of
from choreo_service.packets import LATENT_DIM, MODALITIES, FloatArray, Latent

TICKS_MS = pytest.mark.parametrize("tick_ms", [5.0, 12.5, 20.0, 30.0, 50.0])
ALIKE_MS = pytest.mark.parametrize("tick_ms", [5.0, 20.0, 50.0])


def grid(tick_ms: float) -> Grid:
    return Grid(tick_ms / 1000.0 * HZ)


def reflex(tick_ms: float = 20.0, rows: int = 1) -> Reflex:
    return Reflex(NumpyReflex(weights_of(small_mapper())), performers=rows, grid=grid(tick_ms))


def coherence_at(tick_ms: float) -> Coherence:
    weights = rps_weights(small_rps())
    scaler = FeatureScaler.of(weights, performers=1)
    return Coherence(NumpyCoherence(weights), scaler, performers=1, grid=grid(tick_ms), hz=HZ)


@TICKS_MS
def test_fifty_steps_a_second_at_any_tick(tick_ms: float) -> None:
    g, ticks = grid(tick_ms), round(60_000 / tick_ms)
    steps = [g.due(1) for _ in range(ticks)]
    assert steps[0] == 1  # the first tick plays
    assert abs(sum(steps) - 60 * HZ) <= max(1, tick_ms / 20)
    assert max(steps[1:]) - min(steps[1:]) <= 1


@TICKS_MS
def test_skipped_ticks_are_caught_up(tick_ms: float) -> None:
    skipping, steady = grid(tick_ms), grid(tick_ms)
    caught = sum(skipping.due(2) for _ in range(50))
    assert abs(caught - sum(steady.due(1) for _ in range(100))) <= 1


def test_a_long_gap_is_forgotten_and_not_owed() -> None:
    g = grid(20.0)
    assert [g.due(1), g.due(500), g.due(1), g.due(1)] == [1, MOST_AT_ONCE, 1, 1]


def test_a_grid_starts_anew_and_goes_on() -> None:
    g = grid(5.0)
    first = [g.due(1) for _ in range(10)]
    g.reset()
    assert [g.due(1) for _ in range(10)] == first
    resumed = grid(5.0)
    resumed.load_state(g.state())
    assert [resumed.due(1) for _ in range(10)] == [g.due(1) for _ in range(10)]


@pytest.mark.parametrize("per_tick", [0.0, -1.0, float("nan")])
def test_a_grid_needs_a_rate(per_tick: float) -> None:
    with pytest.raises(ValueError, match="expected above 0"):
        Grid(per_tick)


def test_a_reflex_begins_neutral_and_gives_copies() -> None:
    m3 = reflex(5.0)
    z = np.ones((1, LATENT_DIM), np.float32)
    played = m3.step(z, 1)
    played[:] = 9.0
    waited = m3.step(z, 1)  # no step of the net is due: it says the same again
    assert ((waited > 0) & (waited < 1)).all()
    m3.reset()
    assert m3.state()["controls"].tolist() == [[NEUTRAL] * 5]
    assert not m3.state()["h"].any()


def test_a_reflex_goes_on_with_the_same_bytes() -> None:
    rng = np.random.default_rng(0)
    z = rng.standard_normal((60, 3, LATENT_DIM)).astype(np.float32)
    whole, second = reflex(30.0, 3), reflex(30.0, 3)
    for row in z[:25]:
        whole.step(row, 1)
    second.load_state(through_json(whole.state()))
    for row in z[25:]:
        assert whole.step(row, 1).tobytes() == second.step(row, 1).tobytes()


def test_performers_have_reflexes_of_their_own() -> None:
    z = np.random.default_rng(0).standard_normal((50, 4, LATENT_DIM)).astype(np.float32)
    together, alone = reflex(rows=4), [reflex() for _ in range(4)]
    for row in z:
        played = together.step(row, 1)
        own = np.concatenate([m3.step(row[i : i + 1], 1) for i, m3 in enumerate(alone)])
        assert played == pytest.approx(own, abs=1e-6)


def slow_latent(t_s: float) -> FloatArray:
    phases = np.linspace(0.0, 6.0, LATENT_DIM)
    return np.sin(2 * np.pi * t_s / 4.0 + phases).astype(np.float32)[None]


@ALIKE_MS
def test_a_reflex_plays_the_same_music_at_any_tick(tick_ms: float) -> None:
    def heard(ms: float) -> FloatArray:
        m3, every = reflex(ms), round(100 / ms)
        played = [m3.step(slow_latent(k * ms / 1000.0), 1) for k in range(1, round(6000 / ms) + 1)]
        return np.concatenate(played[every - 1 :: every])

    expected = heard(20.0)
    assert np.abs(heard(tick_ms) - expected).max() < 0.05 * np.ptp(expected)


@ALIKE_MS
def test_a_still_body_leads_to_the_same_latent_memory_coherence_and_doubt_at_any_tick(tick_ms: float) -> None:
    m1 = coherence_at(tick_ms)
    x = MEAN[None] * np.float32(1.1)
    for k in range(1, round(4000 / tick_ms) + 1):
        latent = m1.step(frame(k, x))
    reference = coherence_at(20.0)
    for k in range(1, 201):
        expected = reference.step(frame(k, x))
    assert latent.z == pytest.approx(expected.z, abs=5e-3)
    assert latent.coherence == pytest.approx(expected.coherence, abs=5e-3)
    assert m1.state()["memory"] == pytest.approx(reference.state()["memory"], abs=0.02 / MEMORY_S * 5)
    assert m1.state()["doubt"] == pytest.approx(reference.state()["doubt"], abs=5e-3)


@ALIKE_MS
def test_a_missing_sensor_is_faded_out_within_its_time_at_any_tick(tick_ms: float) -> None:
    m1, x = coherence_at(tick_ms), MEAN[None]
    second = round(1000 / tick_ms)
    for k in range(second):
        m1.step(frame(k, x))
    absent = [m1.step(frame(k, x, (False, True, True, True))).z[0, :64] for k in range(second)]
    gone = [float(np.linalg.norm(z - absent[-1])) for z in absent]
    assert gone[round(1000 * MODALITIES["motion"].fade_s / tick_ms)] < 0.02 * gone[0]
    assert gone[0] > 0.1


def test_skipped_ticks_blend_as_far_as_the_ticks_that_were_skipped() -> None:
    x = MEAN[None]
    skipping, steady = coherence_at(20.0), coherence_at(20.0)
    for m1 in (skipping, steady):
        m1.step(frame(1, x))
    skipping.step(frame(4, x, (False, True, True, True), dk=3))
    for k in range(2, 5):
        steady.step(frame(k, x, (False, True, True, True)))
    assert skipping.state()["since"].tolist() == steady.state()["since"].tolist()


def test_skipped_ticks_teach_doubt_and_fade_what_is_held_as_far_as_the_ticks_that_were_skipped() -> None:
    x, (skipping, steady) = MEAN[None], [coherence(Flat()) for _ in range(2)]
    for m1 in (skipping, steady):
        m1.step(frame(1, x))
    start = steady.state()
    skipping.step(frame(4, x, (False, True, True, True), dk=3))
    for k in range(2, 5):
        steady.step(frame(k, x, (False, True, True, True)))
    for name in ("doubt", "last"):
        assert skipping.state()[name] == pytest.approx(steady.state()[name], rel=1e-6)
        assert (steady.state()[name] != start[name]).any()


def test_the_latent_scale_is_that_of_the_checkpoint_and_never_learns() -> None:
    weights = rps_weights(small_rps())
    scale = LatentScale(weights, performers=2)
    z = np.random.default_rng(0).standard_normal((2, LATENT_DIM)).astype(np.float32)
    latent = Latent(z, np.ones(2, np.float32), np.zeros((2, 4), np.bool_))
    first = scale.step(latent, frame(1, dancing(1, rows=2)[0]))
    assert first == pytest.approx(z / weights["latents.sd"], rel=1e-5)
    saved = through_json(scale.state())
    scale.reset()
    scale.load_state(saved)
    assert scale.step(latent, frame(2, dancing(1, rows=2)[0])).tobytes() == first.tobytes()
