"""A missing modality's translation is believed as far as it was right on this performer; what is not is held and
slowly forgotten."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from model_samples import HZ, MEAN, Flat, coherence, dancing, doubting, frame, rps_weights, small_rps, through_json

from choreo_models.inference.coherence import Coherence
from choreo_models.inference.numpy_kernel import NumpyCoherence
from choreo_service.packets import LATENT_DIM, MODALITIES, Frame, ModalityState

ALL = (True, True, True, True)
NO_MOTION = (False, True, True, True)
NO_BODY = (False, False, True, True)
BLEND_STEPS = round(MODALITIES["motion"].fade_s * HZ)
MOTION, HEART = (MODALITIES[name].latent for name in ("motion", "heart"))
X = MEAN[None]
MINUTE = 60 * HZ
SLOW_S = 20.0  # time constant of doubt and of forgetting
AT_FIRST = 0.5  # doubt before anything is known
# Of the scripted kernel at its defaults: every column is told 0.2 too low.
ERRORS = np.array([(m.latent.stop - m.latent.start) * 0.2**2 for m in MODALITIES.values()])


def played(m1: Coherence, presence: tuple[bool, ...], steps: int) -> list[float]:
    """The first motion dimension, step by step."""
    return [float(m1.step(frame(k, X, presence)).z[0, 0]) for k in range(steps)]


def held(value: float, steps: int) -> float:
    """What is left of a held latent after so many steps without its modality."""
    return value * math.exp(-steps / (SLOW_S * HZ))


def test_a_translator_that_was_always_right_is_believed_entirely() -> None:
    kernel = Flat(0.1, 0.1)
    m1 = coherence(kernel)
    played(m1, ALL, MINUTE)
    kernel.told = -0.1
    assert played(m1, NO_MOTION, 30)[BLEND_STEPS - 1 :] == pytest.approx([-0.1] * (31 - BLEND_STEPS), abs=1e-7)


def test_a_translator_that_was_wrong_for_a_minute_is_not_believed_and_the_block_fades_with_its_time_constant() -> None:
    m1 = coherence(Flat())
    played(m1, ALL, MINUTE)
    path = played(m1, NO_MOTION, 3 * round(SLOW_S * HZ))
    assert path[: BLEND_STEPS - 1] == pytest.approx([0.1] * (BLEND_STEPS - 1), rel=0.02)  # no jump at the hand-over
    expected = [held(0.1, k) for k in range(BLEND_STEPS, len(path) + 1)]
    assert path[BLEND_STEPS - 1 :] == pytest.approx(expected, rel=1e-4)
    assert path[round(SLOW_S * HZ) - 1] == pytest.approx(0.1 / math.e, rel=1e-4)


@pytest.mark.parametrize(
    ("doubt", "trust"),
    [(0.0, 1.0), (0.3, 1.0), (0.5, 1.0), (0.6, 0.8), (0.75, 0.5), (0.9, 0.2), (1.0, 0.0), (9.0, 0.0)],
)
def test_trust_falls_in_proportion_from_half_the_error_to_all_of_it(doubt: float, trust: float) -> None:
    m1 = coherence(Flat())
    played(m1, ALL, 1)
    path = played(doubting(m1, doubt), NO_MOTION, 30)
    for steps in range(BLEND_STEPS, 31):
        left = held(0.1, steps)
        assert path[steps - 1] == pytest.approx(left + trust * (-0.1 - left), abs=1e-6)


@pytest.mark.parametrize("seconds", [1, 20, 60])
def test_doubt_is_the_average_error_of_the_last_twenty_seconds(seconds: int) -> None:
    m1 = coherence(Flat())
    played(m1, ALL, seconds * HZ)
    expected = ERRORS + (AT_FIRST - ERRORS) * math.exp(-seconds / SLOW_S)
    assert m1.state()["doubt"][0] == pytest.approx(expected, rel=1e-4)


def without_motion(k: int) -> Frame:
    return frame(k, X, NO_MOTION)


def held_motion(k: int) -> Frame:
    f = frame(k, X)
    f.state[0, 0] = ModalityState.HELD
    return f


def broken_motion(value: float) -> Frame:
    x = X.copy()
    x[0, 2] = value
    return frame(0, x)


@pytest.mark.parametrize(
    "unheard",
    [
        without_motion,
        held_motion,
        lambda k: broken_motion(math.nan),
        lambda k: broken_motion(math.inf),
        lambda k: broken_motion(-math.inf),
    ],
    ids=["missing", "held", "nan", "inf", "-inf"],
)
def test_doubt_learns_only_from_what_is_heard_now(unheard: Callable[[int], Frame]) -> None:
    m1 = coherence(Flat())
    played(m1, ALL, HZ)
    before = m1.state()["doubt"][0]
    for k in range(HZ):
        m1.step(unheard(k))
    after = m1.state()["doubt"][0]
    assert after[0] == before[0]
    assert (np.abs(after[1:] - before[1:]) > 1e-3).all()
    assert np.isfinite(after).all()


def test_who_was_never_heard_is_what_the_others_say() -> None:
    m1 = coherence(Flat())
    assert played(m1, NO_MOTION, MINUTE) == [float(np.float32(-0.1))] * MINUTE
    assert m1.state()["doubt"][0, 0] == AT_FIRST


def test_trust_is_each_performers_and_each_modalitys_own() -> None:
    told = np.full((2, LATENT_DIM), 0.1, np.float32)
    told[0, MOTION] = told[1, HEART] = -0.9  # wrong about the first one's motion and the second one's heart
    kernel = Flat(0.1, told)
    m1, x = coherence(kernel, rows=2), np.repeat(X, 2, axis=0)
    for k in range(MINUTE):
        m1.step(frame(k, x))
    kernel.told = 0.2
    faded = round(MODALITIES["heart"].fade_s * HZ)
    for k in range(faded):
        z = m1.step(frame(k, x, NO_BODY)).z
    for trusted, doubted in ((z[1, MOTION], z[0, MOTION]), (z[0, HEART], z[1, HEART])):
        assert trusted == pytest.approx(0.2, abs=1e-6)
        assert doubted == pytest.approx(held(0.1, faded), abs=1e-6)


def test_a_reset_believes_again_and_holds_nothing() -> None:
    m1, new = coherence(Flat()), coherence(Flat())
    played(m1, ALL, MINUTE)
    m1.reset()
    assert played(m1, NO_MOTION, 5) == played(new, NO_MOTION, 5)
    played(m1, ALL, 20)
    played(new, ALL, 20)
    assert played(m1, NO_MOTION, 20) == played(new, NO_MOTION, 20)


def half_believed_and_alone() -> Coherence:
    """Random nets, one second after their motion has gone."""
    m1, x = coherence(NumpyCoherence(rps_weights(small_rps()))), dancing(150)
    for k in range(100):
        m1.step(frame(k, x[k]))
    doubting(m1, 0.75)
    for k in range(100, 150):
        m1.step(frame(k, x[k], NO_MOTION))
    return m1


def test_a_saved_state_goes_on_with_the_same_trust_and_the_same_held_latent() -> None:
    whole, second, x = half_believed_and_alone(), coherence(NumpyCoherence(rps_weights(small_rps()))), dancing(200)
    second.load_state(through_json(whole.state()))
    presence = [NO_MOTION if k < 50 or 70 <= k < 120 else ALL for k in range(200)]
    for k in range(200):
        a, b = whole.step(frame(k, x[k], presence[k])), second.step(frame(k, x[k], presence[k]))
        assert a.z.tobytes() == b.z.tobytes()
    for name in ("doubt", "last"):
        assert whole.state()[name].tobytes() == second.state()[name].tobytes()


@pytest.mark.parametrize(("name", "otherwise"), [("doubt", 0.0), ("last", 1.0)])
def test_trust_and_the_held_latent_decide_what_a_saved_state_plays(name: str, otherwise: float) -> None:
    m1, other = half_believed_and_alone(), half_believed_and_alone()
    state = other.state()
    other.load_state({**state, name: np.full_like(state[name], otherwise)})
    a, b = (m.step(frame(150, X, NO_MOTION)).z[0, MOTION] for m in (m1, other))
    assert np.abs(a - b).max() > 1e-3
