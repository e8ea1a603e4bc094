"""M1 on stage: a sensor that falls silent is faded out by what the others say, and faded in when it returns."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from model_samples import (
    HZ,
    MEAN,
    SD,
    Flat,
    believed,
    coherence,
    dancing,
    frame,
    rps_weights,
    small_rps,
    through_json,
)

from choreo_models.inference.absence import hold, zero_fill
from choreo_models.inference.coherence import LONGEST, MEMORY_S, Coherence
from choreo_models.inference.kernels import CoherenceKernel
from choreo_models.inference.numpy_kernel import NumpyCoherence
from choreo_service.packets import FEATURE_COLUMNS, LATENT_DIM, MODALITIES, FloatArray, ModalityState

ALL = (True, True, True, True)
NO_MOTION = (False, True, True, True)
NOBODY = (False, False, False, False)
MOTION = MODALITIES["motion"].latent
X = MEAN[None]
STEPS = 20  # 0.4 s


def stage(rows: int = 1, seed: int = 0) -> Coherence:
    return coherence(NumpyCoherence(rps_weights(small_rps(seed))), rows)


def motion_along(m1: Coherence, presence: list[tuple[bool, ...]]) -> list[float]:
    """The first motion dimension, step by step."""
    return [float(m1.step(frame(k, X, present)).z[0, MOTION.start]) for k, present in enumerate(presence)]


def blended(start: float, goal: float, steps: int) -> list[float]:
    return [start + (goal - start) * (i + 1) / STEPS for i in range(steps)]


def test_what_is_heard_for_the_first_time_is_there_at_once() -> None:
    assert motion_along(coherence(Flat()), [NO_MOTION, ALL]) == pytest.approx([-0.1, 0.1])


def test_a_missing_block_moves_to_its_translation_in_even_steps() -> None:
    path = motion_along(believed(coherence(Flat())), [ALL, ALL, *[NO_MOTION] * (STEPS + 2)])
    assert path[:2] == pytest.approx([0.1, 0.1])
    assert path[2 : STEPS + 2] == pytest.approx(blended(0.1, -0.1, STEPS), abs=1e-7)
    assert path[STEPS + 1 :] == pytest.approx([-0.1] * 3, abs=1e-7)


def test_a_returning_block_moves_back_the_same_way() -> None:
    path = motion_along(believed(coherence(Flat())), [ALL, *[NO_MOTION] * 30, *[ALL] * (STEPS + 2)])
    assert path[31 : STEPS + 31] == pytest.approx(blended(-0.1, 0.1, STEPS), abs=1e-7)
    assert path[STEPS + 31 :] == pytest.approx([0.1, 0.1], abs=1e-7)


def test_a_change_in_the_middle_of_a_fade_starts_from_where_it_was() -> None:
    path = motion_along(believed(coherence(Flat())), [ALL, *[NO_MOTION] * 3, *[ALL] * 2, *[NO_MOTION] * 2])
    out = blended(0.1, -0.1, 3)
    back = blended(out[-1], 0.1, 2)
    assert path[1:] == pytest.approx([*out, *back, *blended(back[-1], -0.1, 2)], abs=1e-7)


def test_a_held_value_does_not_bring_the_fade_forward() -> None:
    m1 = believed(coherence(Flat()))
    motion_along(m1, [ALL, *[NO_MOTION] * 30, ALL])
    held = frame(99, X)
    held.state[0, 0] = ModalityState.HELD
    for _ in range(20):
        before = float(m1.step(held).z[0, 0])
    after = float(m1.step(frame(100, X)).z[0, 0])
    first, second = blended(-0.1, 0.1, 2)
    assert before == pytest.approx(first, abs=1e-7)
    assert after == pytest.approx(second, abs=1e-7)


def test_a_held_block_keeps_its_last_real_latent() -> None:
    m1, x = stage(), dancing(60)
    for k in range(50):
        real = m1.step(frame(k, x[k])).z[0]
    held = frame(50, x[55])
    held.state[0, 0] = ModalityState.HELD
    latent = m1.step(held)
    assert latent.z[0, MOTION].tobytes() == real[MOTION].tobytes()
    assert not latent.filled.any()


class Spy:
    """Remembers what the nets said last."""

    def __init__(self, kernel: CoherenceKernel) -> None:
        self._kernel = kernel

    def encode(self, x: FloatArray) -> FloatArray:
        self.encoded = self._kernel.encode(x)
        return self.encoded

    def translate(self, z: FloatArray, memory: FloatArray) -> FloatArray:
        self.told = self._kernel.translate(z, memory)
        return self.told


class Echo(Flat):
    """Encodes one motion feature and the phase as they are, and keeps what the heart's translator was shown."""

    def encode(self, x: FloatArray) -> FloatArray:
        z = np.zeros((len(x), LATENT_DIM), np.float32)
        z[:, 0], z[:, MODALITIES["beat"].latent.start] = x[:, 0], x[:, 8]
        return z

    def translate(self, z: FloatArray, memory: FloatArray) -> FloatArray:
        self.shown = memory[0]
        return np.full_like(z, self.told)


def test_the_hearts_translator_is_shown_the_last_three_seconds_of_the_body_and_the_beat_of_now() -> None:
    echo = Echo()
    m1 = believed(coherence(echo))
    m1.step(frame(0, X))  # at the mean, which is zero
    loud, known = X.copy(), m1.state()["features"]
    loud[0, 0], loud[0, 8] = MEAN[0] + SD[0], 0.75
    m1.load_state({**m1.state(), "features": {**known, "frozen": True}})
    for k in range(round(MEMORY_S * HZ)):
        m1.step(frame(k, loud))
    assert echo.shown[0] == pytest.approx(1.0 - np.exp(-1.0), rel=5e-3)
    assert echo.shown[MODALITIES["beat"].latent.start] == 0.75
    for k in range(50):
        m1.step(frame(k, loud, NO_MOTION))
    assert echo.shown[0] == pytest.approx(echo.told, abs=1e-6)  # of a missing body what the others say


@pytest.mark.parametrize("seed", range(3))
def test_no_hand_over_jumps_further_than_its_blend(seed: int) -> None:
    spy = Spy(NumpyCoherence(rps_weights(small_rps(seed))))
    m1, x, rng = coherence(spy), dancing(600, seed=seed), np.random.default_rng(seed)
    present = np.repeat(rng.random((60, 4)) < 0.6, 10, axis=0)
    before, was, handed_over = m1.step(frame(0, x[0])).z[0], np.array(ALL), 0
    for k in range(600):
        now = believed(m1).step(frame(k, x[k], present[k])).z[0]  # these nets guess, and would lose their trust
        for i, m in enumerate(MODALITIES.values()):
            if present[k, i] != was[i]:
                goal = (spy.encoded if present[k, i] else spy.told)[0, m.latent]
                jump = now[m.latent] - before[m.latent]
                share = 1.0 / round(m.fade_s * HZ)
                assert jump == pytest.approx(share * (goal - before[m.latent]), abs=1e-6)
                handed_over += 1
        before, was = now, present[k]
    assert handed_over > 50


def test_present_blocks_are_their_encoding_and_never_their_prediction() -> None:
    near, far = (stage_with_translation(told) for told in (0.0, 1e3))
    x = dancing(50)
    for k in range(50):
        a, b = near.step(frame(k, x[k])).z, far.step(frame(k, x[k])).z
    assert a.tobytes() == b.tobytes()


def stage_with_translation(told: float) -> Coherence:
    class Told(NumpyCoherence):
        def translate(self, z: FloatArray, memory: FloatArray) -> FloatArray:
            return np.full_like(z, told)

    return coherence(Told(rps_weights(small_rps())))


def test_what_is_missing_is_said_and_what_is_not_finite_is_missing() -> None:
    m1 = stage()
    m1.step(frame(1, X))
    broken = X.copy()
    broken[0, FEATURE_COLUMNS.index("hr")] = np.nan
    latent = m1.step(frame(2, broken, (True, True, True, False)))
    assert latent.filled.tolist() == [[False, True, False, True]]
    assert np.isfinite(latent.z).all()


@pytest.mark.parametrize("worst", [np.nan, np.inf, -np.inf, 1e30])
def test_nothing_in_a_frame_makes_the_latent_other_than_finite(worst: float) -> None:
    m1, bad = stage(), np.full_like(X, worst)
    bad[0, 1] = -bad[0, 1]
    for k in range(20):
        latent = m1.step(frame(k, X if k % 3 else bad))
        assert np.isfinite(latent.z).all()
        assert np.isfinite(latent.coherence).all()


def test_with_nobody_there_the_latent_stays_bounded() -> None:
    weights = rps_weights(small_rps())
    loud = {n: 30.0 * v if n.startswith("translators") else v for n, v in weights.items()}
    m1 = coherence(NumpyCoherence(loud))
    m1.step(frame(0, X))
    for k in range(1, 300):
        latent = m1.step(frame(k, X, NOBODY))
    lengths = [float(np.linalg.norm(latent.z[0, m.latent])) for m in MODALITIES.values()]
    assert max(lengths) == pytest.approx(LONGEST, rel=1e-4)  # it does push against the limit
    assert latent.coherence.tolist() == [0.0]
    assert latent.filled.all()


def test_coherence_is_one_where_the_others_know_and_nought_where_they_do_not() -> None:
    knowing, guessing = coherence(Flat(0.1, 0.1)), coherence(Flat(1.0, -1.0))
    for k in range(500):
        yes, no = knowing.step(frame(k, X)).coherence, guessing.step(frame(k, X)).coherence
    assert yes[0] == pytest.approx(1.0, abs=1e-3)
    assert no[0] == 0.0


@pytest.mark.parametrize(("absence", "expected"), [(hold, 0.1), (zero_fill, 0.0)])
def test_the_baselines_of_absence_are_what_they_say(absence: Any, expected: float) -> None:
    path = motion_along(coherence(Flat(), absence=absence), [ALL, *[NO_MOTION] * 20])
    assert path[-1] == pytest.approx(expected, abs=1e-7)


def test_reset_forgets_the_moment_and_keeps_the_performer() -> None:
    m1, x = stage(), dancing(800)
    for k in range(800):
        m1.step(frame(k, x[k], NO_MOTION if k > 700 else ALL))
    known = m1.state()["features"]
    m1.reset()
    assert np.array_equal(m1.state()["features"]["mean"], known["mean"])
    fresh = stage()
    fresh.load_state({**fresh.state(), "features": known})
    assert m1.step(frame(1, x[5])).z.tobytes() == fresh.step(frame(1, x[5])).z.tobytes()


@pytest.mark.parametrize("cut", [1, 41, 45, 60, 63])
def test_a_saved_state_goes_on_with_the_same_bytes_even_within_a_fade(cut: int) -> None:
    x = dancing(120, rows=2)
    present = [NO_MOTION if 40 <= k < 60 else ALL for k in range(120)]
    whole, second = stage(2), stage(2)
    for k in range(cut):
        whole.step(frame(k, x[k], present[k]))
    second.load_state(through_json(whole.state()))
    for k in range(cut, 120):
        a, b = whole.step(frame(k, x[k], present[k])), second.step(frame(k, x[k], present[k]))
        assert a.z.tobytes() == b.z.tobytes()
        assert a.coherence.tobytes() == b.coherence.tobytes()


def test_a_state_shares_nothing_with_the_stage() -> None:
    m1 = stage()
    m1.step(frame(0, X))
    state = m1.state()
    before = state["z"].copy()
    m1.step(frame(1, 2 * X))
    assert np.array_equal(state["z"], before)


def test_performers_do_not_hear_each_other() -> None:
    rng = np.random.default_rng(1)
    x, present = dancing(200, rows=5), np.repeat(rng.random((10, 5, 4)) < 0.7, 20, axis=0)
    together, alone = stage(5), [stage() for _ in range(5)]
    for k in range(200):
        latent = together.step(frame(k, x[k], present[k]))
        for row, m1 in enumerate(alone):
            own = m1.step(frame(k, x[k, row : row + 1], present[k, row : row + 1]))
            assert latent.z[row] == pytest.approx(own.z[0], abs=1e-6)
            assert latent.coherence[row] == pytest.approx(own.coherence[0], abs=1e-6)
            assert latent.filled[row].tolist() == own.filled[0].tolist()
